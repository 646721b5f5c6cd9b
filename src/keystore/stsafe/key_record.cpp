#include "keystore/stsafe/key_record.h"

#include "keystore/stsafe/framed_record.h"

namespace berth::keystore::stsafe {

namespace {

constexpr std::string_view magic = "BKR1";
constexpr size_t most_body = 400;

}  // namespace

result<void> write_record(device& chip, uint8_t zone, const key_record& record) {
    BERTH_TRY(body, wire::encode(record));
    return write_framed(chip, zone, magic, body);
}

result<void> blank_record(device& chip, uint8_t zone) {
    return blank_framed(chip, zone, most_body);
}

result<std::optional<key_record>> read_record(device& chip, uint8_t zone, protection how) {
    BERTH_TRY(body, read_framed(chip, zone, magic, most_body, how));
    if (!body) {
        return std::nullopt;
    }
    const auto record = wire::decode<key_record>(*body);
    return record ? std::optional(*record) : std::nullopt;
}

}  // namespace berth::keystore::stsafe

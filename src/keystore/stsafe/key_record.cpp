#include "keystore/stsafe/key_record.h"

#include "crypto/hash.h"

namespace berth::keystore::stsafe {

namespace {

constexpr std::string_view magic = "BKR1";
constexpr size_t head_size = 4 + 2;  // the magic, and the length of what follows without the checksum
constexpr size_t checksum_size = 8;
constexpr size_t most_body = 400;

bytes checksum(bytes_view body) {
    return to_bytes(crypto::sha256(body).view().first(checksum_size));
}

}  // namespace

result<void> write_record(device& chip, uint8_t zone, const key_record& record) {
    BERTH_TRY(body, wire::encode(record));
    const bytes length{static_cast<uint8_t>(body.size() >> 8), static_cast<uint8_t>(body.size())};
    return write_octets(chip, zone, 0, concat({as_bytes(magic), length, body, checksum(body)}));
}

result<void> blank_record(device& chip, uint8_t zone) {
    BERTH_TRY(head, read_octets(chip, zone, 0, head_size));
    const auto size = static_cast<size_t>(head[4] << 8 | head[5]);
    return write_octets(chip, zone, 0, bytes(head_size + std::min(size, most_body) + checksum_size));
}

result<std::optional<key_record>> read_record(device& chip, uint8_t zone) {
    BERTH_TRY(head, read_octets(chip, zone, 0, head_size));
    const auto size = static_cast<size_t>(head[4] << 8 | head[5]);
    if (as_text(bytes_view(head).first(magic.size())) != magic || size > most_body) {
        return std::nullopt;
    }
    BERTH_TRY(rest_of_it, read_octets(chip, zone, head_size, size + checksum_size));
    const bytes_view body = bytes_view(rest_of_it).first(size);
    if (!same_octets(checksum(body), bytes_view(rest_of_it).subspan(size))) {
        return std::nullopt;
    }
    const auto record = wire::decode<key_record>(body);
    return record ? std::optional(*record) : std::nullopt;
}

}  // namespace berth::keystore::stsafe

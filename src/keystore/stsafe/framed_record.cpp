#include "keystore/stsafe/framed_record.h"

#include "base/wipe.h"
#include "crypto/hash.h"

#include <algorithm>
#include <cstring>

namespace berth::keystore::stsafe {

namespace {

constexpr size_t magic_size = 4;
constexpr size_t head_size = magic_size + 2;
constexpr size_t checksum_size = 8;

bytes checksum(bytes_view body) {
    return to_bytes(crypto::sha256(body).view().first(checksum_size));
}

size_t body_size(bytes_view head) {
    return static_cast<size_t>(head[magic_size] << 8 | head[magic_size + 1]);
}

}  // namespace

result<void> write_framed(device& chip, uint8_t zone, std::string_view magic, bytes_view body, protection how) {
    const bytes length{static_cast<uint8_t>(body.size() >> 8), static_cast<uint8_t>(body.size())};
    bytes whole = concat({as_bytes(magic), length, body, checksum(body)});
    auto written = write_octets(chip, zone, 0, whole, how);
    wipe(whole);  // it may hold a credential
    return written;
}

result<void> blank_framed(device& chip, uint8_t zone, size_t most, protection how) {
    BERTH_TRY(head, read_octets(chip, zone, 0, head_size, how));
    return write_octets(chip, zone, 0, bytes(std::min(body_size(head), most) + frame_overhead), how);
}

result<std::optional<bytes>> read_framed(device& chip, uint8_t zone, std::string_view magic, size_t most, protection how) {
    BERTH_TRY(head, read_octets(chip, zone, 0, head_size, how));
    const size_t size = body_size(head);
    if (as_text(bytes_view(head).first(magic_size)) != magic || size > most) {
        return std::nullopt;
    }
    BERTH_TRY(rest_of_it, read_octets(chip, zone, head_size, size + checksum_size, how));
    if (!same_octets(checksum(bytes_view(rest_of_it).first(size)), bytes_view(rest_of_it).subspan(size))) {
        wipe(rest_of_it);
        return std::nullopt;
    }
    rest_of_it.resize(size);
    return std::optional(std::move(rest_of_it));
}

}  // namespace berth::keystore::stsafe

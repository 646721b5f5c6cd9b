#include "hub/files/crc64.h"

#include "wire/base64.h"

#include <array>

namespace berth::hub {

namespace {

constexpr uint64_t reflected = 0x9a6c9329ac4bc9b5;
constexpr size_t at_once = 8;

// tables[n][b]: b with n octets of 0 behind it.
constexpr auto tables = [] {
    std::array<std::array<uint64_t, 256>, at_once> out{};
    for (uint64_t i = 0; i < 256; ++i) {
        uint64_t value = i;
        for (int bit = 0; bit < 8; ++bit) {
            value = (value >> 1) ^ ((value & 1) != 0 ? reflected : 0);
        }
        out[0][i] = value;
    }
    for (size_t n = 1; n < at_once; ++n) {
        for (size_t i = 0; i < 256; ++i) {
            out[n][i] = (out[n - 1][i] >> 8) ^ out[0][out[n - 1][i] & 0xff];
        }
    }
    return out;
}();

}  // namespace

uint64_t crc64(bytes_view data) {
    uint64_t crc = ~uint64_t{0};
    for (; data.size() >= at_once; data = data.subspan(at_once)) {
        uint64_t next = 0;
        for (size_t i = 0; i < at_once; ++i) {
            next ^= tables[at_once - 1 - i][((crc >> (8 * i)) ^ data[i]) & 0xff];
        }
        crc = next;
    }
    for (const uint8_t octet : data) {
        crc = (crc >> 8) ^ tables[0][(crc ^ octet) & 0xff];
    }
    return ~crc;
}

std::string crc64_text(bytes_view data) {
    const uint64_t crc = crc64(data);
    bytes octets;
    for (size_t i = 0; i < 8; ++i) {
        octets.push_back(static_cast<uint8_t>(crc >> (8 * i)));
    }
    return wire::base64(octets);
}

}  // namespace berth::hub

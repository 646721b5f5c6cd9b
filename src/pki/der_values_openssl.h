// Internal to pki: DER values that libcrypto has no template for, taken apart and put together by hand.
#pragma once

#include "crypto/der_openssl.h"

#include <optional>
#include <string>
#include <vector>

namespace berth::pki {

namespace der {
inline constexpr uint8_t boolean = 0x01;
inline constexpr uint8_t integer = 0x02;
inline constexpr uint8_t bit_string = 0x03;
inline constexpr uint8_t octet_string = 0x04;
inline constexpr uint8_t oid = 0x06;
inline constexpr uint8_t utf8_string = 0x0c;
inline constexpr uint8_t sequence = 0x30;
inline constexpr uint8_t set = 0x31;
constexpr uint8_t context(unsigned number) {
    return static_cast<uint8_t>(0xa0 | number);  // constructed
}
}  // namespace der

// Takes one OBJECT IDENTIFIER off the front, dotted.
std::optional<std::string> take_oid(bytes_view& in);

// Takes one element of any tag below 31 off the front, header included.
std::optional<bytes_view> take_element(bytes_view& in);

// Every element of `content`, headers included. Nothing when one is malformed, or there are more than `most`.
std::optional<std::vector<bytes_view>> take_elements(bytes_view content, size_t most);

// An OBJECT IDENTIFIER. Nothing when it is not the dotted form of one.
std::optional<bytes> oid_element(std::string_view dotted);

}  // namespace berth::pki

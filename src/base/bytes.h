// Octet strings and the few things one does with them everywhere.
#pragma once

#include "base/result.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace berth {

using bytes = std::vector<uint8_t>;
using bytes_view = std::span<const uint8_t>;

// The octets of `text`, not owned.
inline bytes_view as_bytes(std::string_view text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// `data` as text, not owned; no claim that it is UTF-8.
inline std::string_view as_text(bytes_view data) {
    return {reinterpret_cast<const char*>(data.data()), data.size()};
}

inline bytes to_bytes(bytes_view data) {
    return {data.begin(), data.end()};
}

inline void append(bytes& out, bytes_view more) {
    out.insert(out.end(), more.begin(), more.end());
}

// Concatenation, with one allocation.
bytes concat(std::initializer_list<bytes_view> parts);

// Plain comparison, not constant time: for secrets use crypto::equal.
bool same_octets(bytes_view a, bytes_view b);

// Lower-case hexadecimal.
std::string to_hex(bytes_view data);

// Error `bad_hex` on an odd length or a character outside [0-9a-fA-F].
result<bytes> from_hex(std::string_view text);

// Copies exactly N octets; the caller has checked the length.
template <size_t N>
std::array<uint8_t, N> to_array(bytes_view data) {
    std::array<uint8_t, N> out{};
    std::copy_n(data.begin(), N, out.begin());
    return out;
}

}  // namespace berth

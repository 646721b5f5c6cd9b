// MD5 (RFC 1321), for Content-MD5 alone: it tells of octets that changed by accident, and of nobody's intent.
#pragma once

#include "base/bytes.h"

#include <array>
#include <optional>

namespace berth::crypto {

// Nothing: this libcrypto has none (FIPS).
std::optional<std::array<uint8_t, 16>> md5(bytes_view data);

}  // namespace berth::crypto

// SHAKE256 (FIPS 202).
#pragma once

#include "base/bytes.h"
#include "base/secret.h"

namespace berth::crypto {

// Of the parts one behind the other.
secret_bytes shake256(std::initializer_list<bytes_view> parts, size_t length);

}  // namespace berth::crypto

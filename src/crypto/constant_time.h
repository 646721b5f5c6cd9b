// Comparison of secrets.
#pragma once

#include "base/bytes.h"

namespace berth::crypto {

// True when both have the same length and octets. Takes time that depends on the lengths only.
bool equal(bytes_view a, bytes_view b) noexcept;

}  // namespace berth::crypto

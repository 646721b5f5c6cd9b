// Types that several messages share (docs/onboarding.md section 2).
#pragma once

#include "wire/codec.h"

namespace berth::onboarding {

inline constexpr uint16_t protocol_version = 1;

using name_field = wire::opaque<1, 64>;               // opaque Name<1..64>
using der_field = wire::opaque<1, 32767>;             // opaque Der<1..2^15-1>
using chain_field = wire::list<der_field, 1, 32768>;  // Der Chain<1..2^15>: leaf first, root omitted
using hash_field = std::array<uint8_t, 32>;           // opaque Hash[32]: SHA-256
using serial_field = wire::opaque<1, 64>;
using kk3_id_field = std::array<uint8_t, 16>;

// Messages without a body.
struct empty_body {
    auto wire_fields() { return std::tuple<>(); }
    auto wire_fields() const { return std::tuple<>(); }
};

}  // namespace berth::onboarding

#pragma once
#include "onboarding/messages/common.h"

namespace berth::onboarding {

// "at most 65 536 each way per session"
inline constexpr size_t most_tunnel_octets = 65536;
inline constexpr size_t most_tunnel_frame = 16384;

// 2, KK2 and KK1, both ways: octets of KK3's handshake, which the registrar relays and cannot read.
struct tunnel {
    wire::opaque<1, most_tunnel_frame> octets;
    BERTH_FIELDS(octets)
};

}  // namespace berth::onboarding

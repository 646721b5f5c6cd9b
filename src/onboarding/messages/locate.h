#pragma once
#include "onboarding/messages/common.h"

namespace berth::onboarding {

// 14, KK3, device to MASA (rendezvous): empty. "such a KK3 carries no BI1"
using locate = empty_body;

struct registrar_address {
    wire::opaque<1, 255> host_port;
    BERTH_FIELDS(host_port)
};

// 15, KK3, MASA to device: the addresses that the owner registered, best first.
struct located {
    wire::list<registrar_address, 0, 4096> registrars;
    BERTH_FIELDS(registrars)
};

}  // namespace berth::onboarding

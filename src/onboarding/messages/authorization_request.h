#pragma once
#include "onboarding/messages/common.h"

namespace berth::onboarding {

// 3, KK2 device to registrar, then KK1 registrar to MASA (steps S6, S7): BI2, sealed with K3, and the name of that KK3.
struct authorization_request {
    kk3_id_field kk3_id{};
    wire::opaque<1, 1024> bi2;
    BERTH_FIELDS(kk3_id, bi2)
};

}  // namespace berth::onboarding

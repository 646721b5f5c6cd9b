#pragma once
#include "onboarding/messages/common.h"

namespace berth::onboarding {

// 4, KK1, MASA to registrar (step S10): BI1 in clear inside KK1, so that it travels as BI4, and the voucher sealed with K3.
struct authorization {
    wire::opaque<1, 1024> bi3;
    wire::opaque<1, 65535> sealed_voucher;
    BERTH_FIELDS(bi3, sealed_voucher)
};

}  // namespace berth::onboarding

#pragma once
#include "onboarding/messages/common.h"

namespace berth::onboarding {

// 1, KK2, device to registrar: the first frame of an onboarding.
struct onboard_request {
    uint16_t version = protocol_version;
    BERTH_FIELDS(version)
};

}  // namespace berth::onboarding

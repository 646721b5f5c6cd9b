#pragma once
#include "onboarding/messages/common.h"

namespace berth::onboarding {

// 18, KK2, device to registrar: the first and only frame of a device that has been onboarded, on a KK2 whose registrar was
// verified to the pinned domain root.
struct configuration_request {
    uint64_t have = 0;  // the version installed; 0 = none
    BERTH_FIELDS(have)
};

// 19, KK2, registrar to device: `configuration` is empty when `version` equals what the device has.
struct configuration_message {
    uint64_t version = 0;
    wire::opaque<0, 65535> configuration;  // JSON
    BERTH_FIELDS(version, configuration)
};

}  // namespace berth::onboarding

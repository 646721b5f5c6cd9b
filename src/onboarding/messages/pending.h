#pragma once
#include "onboarding/messages/common.h"

namespace berth::onboarding {

inline constexpr uint32_t least_retry_after = 1;
inline constexpr uint32_t most_retry_after = 120;

// 8, registrar to device and MASA to registrar: come again with the same authorization_request.
struct pending {
    uint32_t retry_after = least_retry_after;  // seconds, 1 to 120
    BERTH_FIELDS(retry_after)
};

}  // namespace berth::onboarding

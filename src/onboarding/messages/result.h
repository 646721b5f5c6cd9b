#pragma once
#include "onboarding/messages/common.h"

namespace berth::onboarding {

enum class result_status : uint8_t { installed = 1, refused = 2 };

// 7, KK2 device to registrar, then KK1 registrar to MASA: idempotent and answerable for 30 days.
struct result_message {
    kk3_id_field kk3_id{};
    result_status status = result_status::installed;
    wire::opaque<0, 64> refusal;  // a name of section 7 when refused
    BERTH_FIELDS(kk3_id, status, refusal)
};

}  // namespace berth::onboarding

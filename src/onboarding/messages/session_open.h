#pragma once
#include "onboarding/messages/common.h"

namespace berth::onboarding {

// 13, KK1, registrar to MASA: the device that this session is about, as the registrar saw it on KK2.
struct session_open {
    hash_field device_root_spki{};
    serial_field serial;
    hash_field z3_hash{};  // leaf DER
    BERTH_FIELDS(device_root_spki, serial, z3_hash)
};

}  // namespace berth::onboarding

#pragma once
#include "onboarding/messages/common.h"

namespace berth::onboarding {

// 16, KK1, registrar to MASA: the owner gives the device to `successor`.
struct release {
    hash_field device_root_spki{};
    serial_field serial;
    name_field successor;
    BERTH_FIELDS(device_root_spki, serial, successor)
};

// 17, KK1, MASA to registrar: done.
using release_ack = empty_body;

}  // namespace berth::onboarding

#pragma once
#include "onboarding/messages/common.h"

namespace berth::onboarding {

// BI1 (step S4): what the device wants to have authorised, fresh for every KK3.
struct authorization_info {
    uint16_t version = protocol_version;
    serial_field device_serial;
    std::array<uint8_t, 32> nonce{};
    hash_field registrar_leaf_hash{};           // SHA-256 of the leaf DER that the device saw on KK2
    std::array<uint8_t, 32> channel_binding{};  // exporter of KK2, label "EXPORTER-berth-kk2"
    uint64_t created = 0;                       // seconds since 1970, 0 = the device has no clock
    BERTH_FIELDS(version, device_serial, nonce, registrar_leaf_hash, channel_binding, created)
};

}  // namespace berth::onboarding

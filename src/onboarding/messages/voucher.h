#pragma once
#include "onboarding/messages/common.h"

namespace berth::onboarding {

// "issued_at; expires_at; exactly 15 minutes apart"
inline constexpr uint64_t voucher_lifetime_seconds = 15 * 60;

// What the MASA says to the device, and the registrar cannot read: this customer's root is yours.
struct voucher {
    uint16_t version = protocol_version;
    std::array<uint8_t, 32> nonce{};
    serial_field device_serial;
    hash_field registrar_leaf_hash{};
    wire::opaque<1, 16384> pinned_domain_cert;  // Z2, DER
    name_field customer;
    uint64_t issued_at = 0;
    uint64_t expires_at = 0;
    wire::opaque<0, 16384> manufacturer_config;  // JSON
    BERTH_FIELDS(version, nonce, device_serial, registrar_leaf_hash, pinned_domain_cert, customer, issued_at, expires_at,
                 manufacturer_config)
};

}  // namespace berth::onboarding

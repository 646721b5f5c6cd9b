#pragma once
#include "factory/messages/unit_challenge.h"

namespace berth::factory {

// 1a, the customer's CA to a device whose key is in a TPM: "show that it is".
struct ldevid_challenge {
    uint16_t version = factory_version;
    serial_field serial;
    hash_field request_hash{};  // SHA-256 of the ldevid_request's octets
    tpm_challenge tpm;
    BERTH_FIELDS(version, serial, request_hash, tpm)
};

}  // namespace berth::factory

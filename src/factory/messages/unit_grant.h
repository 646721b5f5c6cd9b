#pragma once
#include "factory/messages/common.h"

namespace berth::factory {

// 4, issuer to unit: its certificates, leaf first, root omitted.
struct unit_grant {
    uint16_t version = factory_version;
    serial_field serial;
    hash_field request_hash{};
    chain_field identity;                         // IDevID-signature
    chain_field kem;                              // IDevID-KEM
    wire::list<der_field, 0, 32768> attestation;  // of a TPM's IAK; empty where there is none
    BERTH_FIELDS(version, serial, request_hash, identity, kem, attestation)
};

}  // namespace berth::factory

#pragma once
#include "factory/messages/common.h"

namespace berth::factory {

// What a unit with a TPM says of its keys; nothing of it is believed before the answer.
struct tpm_claim {
    der_field endorsement_certificate;
    wire::list<der_field, 0, 32768> endorsement_issuers;  // what the TPM's maker put beside it; may be empty
    tpm_field attestation_key;                            // IAK: TPMT_PUBLIC
    tpm_field identity_key;                               // IDevID
    wire::opaque<0, 1024> kem_half;                       // the P-256 half of the hybrid KEM key; empty: it is not in the TPM
    BERTH_FIELDS(endorsement_certificate, endorsement_issuers, attestation_key, identity_key, kem_half)
};

// 1, unit to issuer: "these are my keys".
struct unit_request {
    uint16_t version = factory_version;
    serial_field serial;
    wire::opaque<0, 64> model;
    name_field backend;                   // software, tpm2, stsafe, pkcs11: where the keys are
    der_field identity;                   // PKCS#10 of the IDevID-signature key
    der_field kem_key;                    // SubjectPublicKeyInfo of the IDevID-KEM key
    wire::list<tpm_claim, 0, 65535> tpm;  // one for tpm2, none otherwise
    BERTH_FIELDS(version, serial, model, backend, identity, kem_key, tpm)
};

}  // namespace berth::factory

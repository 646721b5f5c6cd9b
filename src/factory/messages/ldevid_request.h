#pragma once
#include "factory/messages/common.h"

namespace berth::factory {

// What a device says of an LDevID key in its TPM; nothing of it is believed before the answer.
struct ldevid_tpm_claim {
    der_field endorsement_certificate;  // the one that its IDevID certificate names by its hash
    tpm_field attestation_key;          // IAK: TPMT_PUBLIC
    tpm_field ldevid_key;
    BERTH_FIELDS(endorsement_certificate, attestation_key, ldevid_key)
};

struct ldevid_claim {
    uint16_t version = factory_version;
    serial_field serial;
    name_field backend;                          // software, tpm2, stsafe, pkcs11: where the device says that the LDevID key is
    chain_field identity;                        // its IDevID-signature certificate, leaf first
    der_field ldevid;                            // PKCS#10 of the LDevID key
    wire::list<ldevid_tpm_claim, 0, 65535> tpm;  // one where its TPM can show that the key is in it
    BERTH_FIELDS(version, serial, backend, identity, ldevid, tpm)
};

// 1, device to the customer's CA: "certify this key as mine, among yours".
struct ldevid_request {
    ldevid_claim claim;
    signature_field signature;  // by the identity's key over "berth ldevid request 1" and the claim's octets
    BERTH_FIELDS(claim, signature)
};

}  // namespace berth::factory

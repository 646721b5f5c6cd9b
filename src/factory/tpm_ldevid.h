// An LDevID's key in the TPM that has the IDevID's: what that TPM says of it.
#pragma once

#include "factory/messages/ldevid_request.h"
#include "keystore/tpm2/device.h"
#include "pki/certificate.h"

namespace berth::factory {

struct tpm_ldevid {
    keystore::tpm2::device_ptr in;
    uint32_t handle = 0;               // of the LDevID's key
    const pki::certificate& identity;  // names the TPM's endorsement certificate
};

// For a request. Errors ek_mismatch: the TPM has no such endorsement certificate; those of the TPM.
result<ldevid_tpm_claim> claim_ldevid(const tpm_ldevid& key);

// The octets of the ldevid_answer to an ldevid_challenge. Errors malformed, unsupported_version; wrong_challenge: for another
// request; those of the TPM.
result<bytes> answer_ldevid(const tpm_ldevid& key, bytes_view request, bytes_view challenge);

}  // namespace berth::factory

// Endorsement keys of a TPM, and what its maker certified of them.
#pragma once

#include "attestation/credential.h"
#include "attestation/endorsement.h"
#include "keystore/tpm2/object.h"

namespace berth::keystore::tpm2 {

// One that the TPM's maker put a certificate into the TPM for.
struct endorsement_certificate {
    attestation::ek_kind kind;
    bytes der;
};

// All that are there, read from NV directly; none is not an error: some makers give them out otherwise.
result<std::vector<endorsement_certificate>> endorsement_certificates(const device_ptr& in);

// The key made from its template. It is no secret that it can be made: only its TPM can.
result<object> create_endorsement_key(const device_ptr& in, attestation::ek_kind kind);

// The same, compared with the certificate. Error ek_mismatch: the certificate is for another key, so for another TPM.
result<object> certified_endorsement_key(const device_ptr& in, const endorsement_certificate& certificate);

// TPM2_ActivateCredential (Part 3, 12.5). `ek` is from create_endorsement_key(kind); `key` is the one whose Name the server
// was told, made from a template of devid.h. Error tpm_wrong_tpm: the credential is for another TPM or another key.
result<secret_bytes> activate_credential(const object& key, const object& ek, attestation::ek_kind kind,
                                         const attestation::protected_credential& credential);

}  // namespace berth::keystore::tpm2

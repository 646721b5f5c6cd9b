// That keys were made in a genuine TPM and cannot leave it: the whole of what DevID 6.2.2 asks for, with the verifier and the TPM
// on one machine, as at a factory's station. Nothing of the TPM is believed but what its maker's certificate vouches for.
#pragma once

#include "attestation/endorsement_chain.h"
#include "attestation/verify.h"
#include "base/random.h"
#include "keystore/tpm2/object.h"

namespace berth::keystore::tpm2 {

struct residency {
    attestation::verified_endorsement endorsement;
    std::vector<attestation::certified_key> keys;  // in the order of the handles
};

// The maker's certificate of an endorsement key is verified; the attestation key is shown to be in the TPM of that key
// (credential activation); and it certifies each key, for a fresh nonce. Errors ek_certificate_missing: the TPM has none;
// ek_certificate_untrusted; ek_mismatch; tpm_wrong_tpm; credential_not_activated; key_not_found; those of verify_certify().
result<residency> prove_residency(const device_ptr& in, const std::vector<uint32_t>& handles,
                                  const attestation::maker_roots& makers, unix_seconds now, random_source& random);

}  // namespace berth::keystore::tpm2

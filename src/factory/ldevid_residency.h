// Whether an LDevID's key is in the device's TPM: as residency.h, but the maker's IDevID certificate says which TPM that is, by
// the hash of its endorsement certificate. So a customer needs no root of a TPM's maker.
#pragma once

#include "attestation/credential.h"
#include "attestation/verify.h"
#include "base/secret.h"
#include "factory/ldevid.h"
#include "factory/messages/ldevid_answer.h"
#include "factory/messages/ldevid_challenge.h"

namespace berth::factory {

// One request's way from claim to proof. It answers once.
class ldevid_residency {
public:
    // Errors tpm_claim_missing: the request speaks of no TPM; ek_mismatch: its TPM is not the one that its IDevID certificate
    // names; tpm_structure_malformed; not_an_attestation_key; key_mismatch: the PKCS#10 is of another key than the claim.
    static result<ldevid_residency> begin(const ldevid_candidate& device, random_source& random);

    // What goes to the device.
    const ldevid_challenge& challenge() const noexcept { return challenge_; }

    // Errors malformed; wrong_answer: for another request; credential_not_activated; those of attestation::verify_certify.
    result<ldevid_in_tpm> finish(bytes_view answer);

    // To be kept while the answer is out, and as secret as an answer. Error malformed.
    secret_bytes save() const;
    static result<ldevid_residency> restore(const ldevid_candidate& device, const secret_bytes& saved);

private:
    ldevid_residency(attestation::attestation_key iak, attestation::public_area key)
        : iak_(std::move(iak)), key_(std::move(key)) {}
    static result<ldevid_residency> judge(const ldevid_candidate& device, bytes& endorsement_spki);

    ldevid_challenge challenge_;
    attestation::attestation_key iak_;
    attestation::public_area key_;
    std::optional<attestation::credential_challenge> credential_;
};

}  // namespace berth::factory

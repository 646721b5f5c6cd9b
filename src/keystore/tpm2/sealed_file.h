// The file beside a hybrid key: its ML-KEM seed, sealed to the TPM, and on what condition the TPM gives it back. PEM: a block for
// the seed, one for the condition, and one for each further boot state that somebody approves of.
#pragma once

#include "keystore/tpm2/seal.h"

#include <string>
#include <vector>

namespace berth::keystore::tpm2 {

struct sealed_file {
    sealed_secret seed;
    seal_condition condition;
    // Of a seed that an approval unseals: further boot states that are approved, the newest first.
    std::vector<attestation::policy_approval> further = {};

    std::string to_pem() const;
    // Errors bad_pem, tpm_structure_malformed, tpm_unsupported.
    static result<sealed_file> from_pem(std::string_view text);

    // One more boot state; of more than most_states the oldest goes. Errors approval_invalid: its authority has not signed it;
    // approval_foreign: the seed is sealed for another authority, or for approvals with another purpose; not_by_approval: no
    // approval unseals it.
    result<void> admit(attestation::policy_approval approval);
    static constexpr size_t most_states = 8;
};

// An approval by itself, as it comes from whoever gives it. Error approval_invalid: it is none, whoever has signed it.
std::string approval_to_pem(const attestation::policy_approval& approval);
result<attestation::policy_approval> approval_from_pem(std::string_view text);

// Whichever of its conditions holds. Errors of unseal(); tpm_policy_failed: none does.
result<secret_bytes> unseal(const device_ptr& in, const sealed_file& what);

}  // namespace berth::keystore::tpm2

// Small secrets that only this TPM gives back, and only while a policy holds (TPM 2.0 Part 1, 27.6).
#pragma once

#include "attestation/policy.h"
#include "keystore/tpm2/object.h"

#include <variant>

namespace berth::keystore::tpm2 {

// When the TPM gives it back.
struct always {};
using seal_condition = std::variant<always, attestation::pcr_selection,  // the registers are as they are at sealing
                                    attestation::policy_approval>;       // or as somebody approves, now or later

struct sealed_secret {
    uint32_t parent = 0;  // as open_storage_root() says
    // Of the parent: what unseals is asked for over a session salted with this key, and no other that answers in its place.
    bytes parent_name;
    wrapped_object object;

    // What is in a file; no secret without its TPM.
    bytes encode() const;
    // Errors tpm_structure_malformed, tpm_unsupported.
    static result<sealed_secret> decode(bytes_view octets);
};

// At most 128 octets, below the storage root. An approval is used for who approves and for what (authority, policy_ref), not
// for what is approved. Errors too_large, pcr_value_missing, and those of the TPM.
result<sealed_secret> seal(const device_ptr& in, const secret_bytes& secret, const seal_condition& when);

// `now`: as at sealing; of an approval, one for the state that the machine is in. Errors tpm_policy_failed: the machine is in
// another state; approval_invalid: not signed by the authority that the secret was sealed for; tpm_wrong_tpm; key_not_found.
result<secret_bytes> unseal(const device_ptr& in, const sealed_secret& what, const seal_condition& now);

// The same below a storage root that is open already.
result<sealed_secret> seal_below(const storage_root& root, const secret_bytes& secret, const seal_condition& when);
result<secret_bytes> unseal_below(const object& root, const sealed_secret& what, const seal_condition& now);

}  // namespace berth::keystore::tpm2

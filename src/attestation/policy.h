// Digests of TPM policies (TPM 2.0 Part 1, 19.7; each command's formula in Part 3, 23), computed without a TPM: a server
// approves, a device satisfies.
#pragma once

#include "attestation/verify.h"

namespace berth::attestation {

// PolicyPCR alone (Part 3, 23.7), with SHA-256. Errors tpm_unsupported, pcr_value_missing.
result<bytes> pcr_policy(const pcr_selection& selection, const pcr_values& values);

// PolicyAuthorize (Part 3, 23.16): whatever the holder of a key approves of. The sealed data outlives an update of the
// firmware, since the next policy needs a signature and no new seal.
bytes authorized_policy(bytes_view authority_name, bytes_view policy_ref);

// An approval of one policy. `authority` signs approved || policy_ref; a TPM checks exactly that. What `approved` is made of
// stands beside it, so that who has no TPM at hand finds out as well that any of it was changed.
struct policy_approval {
    public_area authority;
    pcr_selection selection;
    bytes registers_digest;  // pcr_digest() of their values; empty: an earlier version made the approval
    bytes approved;          // the digest of a PolicyPCR
    bytes policy_ref;        // for what: keeps approvals of one product from another's
    bytes signature;         // TPMT_SIGNATURE
};

// Errors tpm_unsupported, pcr_value_missing, signing_failed.
result<policy_approval> approve_pcrs(const crypto::signing_key& authority, const pcr_selection& selection,
                                     const pcr_values& values, bytes_view policy_ref);

// Whether the key that it names has signed it, all of it, and a policy of registers of the SHA-256 bank. Error approval_invalid.
result<void> check_approval(const policy_approval& approval);

}  // namespace berth::attestation

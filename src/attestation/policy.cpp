#include "attestation/policy.h"

namespace berth::attestation {

namespace {

constexpr auto policy_hash = crypto::hash_algorithm::sha256;

// policyDigestnew := H(policyDigestold || command code || arguments)
bytes extended(bytes_view old, uint32_t command, std::initializer_list<bytes_view> arguments) {
    crypto::hasher h(policy_hash);
    bytes code;
    wire::writer(code).integer(command, 4);
    h.update(old).update(code);
    for (const bytes_view argument : arguments) {
        h.update(argument);
    }
    return h.finish().to_bytes();
}

const bytes& empty_policy() {
    static const bytes zeros(crypto::hash_size(policy_hash));
    return zeros;
}

}  // namespace

result<bytes> pcr_policy(const pcr_selection& selection, const pcr_values& values) {
    BERTH_TRY(digest, pcr_digest(tpm_alg::sha256, selection, values));
    return extended(empty_policy(), cc_policy_pcr, {selection.encode(), digest});
}

bytes authorized_policy(bytes_view authority_name, bytes_view policy_ref) {
    // PolicyUpdate (Part 3, 23.2.3): the reference is hashed in a step of its own, even when it is empty.
    const bytes with_name = extended(empty_policy(), cc_policy_authorize, {authority_name});
    return crypto::hasher(policy_hash).update(with_name).update(policy_ref).finish().to_bytes();
}

result<policy_approval> approve_pcrs(const crypto::signing_key& authority, const pcr_selection& selection,
                                     const pcr_values& values, bytes_view policy_ref) {
    policy_approval out;
    BERTH_TRY(area, public_area_of(authority.public_key()));
    BERTH_TRY(approved, pcr_policy(selection, values));
    // aHash := H(approvedPolicy || policyRef), with the hash of the signing scheme
    BERTH_TRY(der, authority.sign(concat({approved, policy_ref})));
    BERTH_TRY(signature, ecdsa_signature_tpm(der, authority.algorithm()));
    out.authority = std::move(area);
    out.selection = selection;
    out.approved = std::move(approved);
    out.policy_ref = to_bytes(policy_ref);
    out.signature = std::move(signature);
    return out;
}

result<void> check_approval(const policy_approval& approval) {
    BERTH_TRY(authority, approval.authority.verification_key());
    const auto der = ecdsa_signature_der(approval.signature, authority.algorithm());
    if (!der || !authority.verify(concat({approval.approved, approval.policy_ref}), *der)) {
        return fail(error_category::peer, "approval_invalid",
                    "The approval of this boot state is not signed by the key that may approve it.");
    }
    return {};
}

}  // namespace berth::attestation

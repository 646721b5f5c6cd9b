#include "attestation/policy.h"

#include <algorithm>
#include <functional>

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

bytes pcr_policy_of(const pcr_selection& selection, bytes_view registers_digest) {
    return extended(empty_policy(), cc_policy_pcr, {selection.encode(), registers_digest});
}

// What encode() has one form for: other lists would be the same selection.
bool well_formed(const pcr_selection& selection) {
    constexpr uint8_t registers_of_a_tpm = 24;
    const auto& list = selection.registers;
    return selection.bank == tpm_alg::sha256 && !list.empty() && list.back() < registers_of_a_tpm &&
           std::ranges::adjacent_find(list, std::ranges::greater_equal()) == list.end();
}

tl::unexpected<error> approval_invalid(std::string why) {
    return fail(error_category::peer, "approval_invalid", std::move(why));
}

}  // namespace

result<bytes> pcr_policy(const pcr_selection& selection, const pcr_values& values) {
    BERTH_TRY(digest, pcr_digest(tpm_alg::sha256, selection, values));
    return pcr_policy_of(selection, digest);
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
    BERTH_TRY(digest, pcr_digest(tpm_alg::sha256, selection, values));
    bytes approved = pcr_policy_of(selection, digest);
    // aHash := H(approvedPolicy || policyRef), with the hash of the signing scheme
    BERTH_TRY(der, authority.sign(concat({approved, policy_ref})));
    BERTH_TRY(signature, ecdsa_signature_tpm(der, authority.algorithm()));
    out.authority = std::move(area);
    out.selection = selection;
    out.registers_digest = std::move(digest);
    out.approved = std::move(approved);
    out.policy_ref = to_bytes(policy_ref);
    out.signature = std::move(signature);
    return out;
}

result<void> check_approval(const policy_approval& approval) {
    const auto authority = approval.authority.verification_key();
    if (!authority) {
        return approval_invalid("The key in the approval of a boot state is none: the approval was changed on its way. (" +
                                authority.error().message + ")");
    }
    const auto der = ecdsa_signature_der(approval.signature, authority->algorithm());
    if (!der || !authority->verify(concat({approval.approved, approval.policy_ref}), *der)) {
        return approval_invalid("The approval of this boot state is not signed by the key that may approve it.");
    }
    if (approval.registers_digest.empty()) {
        return approval_invalid(
            "An earlier version of Berth made this approval, and it does not show what it approves of: approve of the state "
            "once more (berth key approve).");
    }
    // Not what the signature is over, but what the TPM will be told: where it says something else than was approved of, the seed
    // would never open.
    if (!well_formed(approval.selection) ||
        !same_octets(pcr_policy_of(approval.selection, approval.registers_digest), approval.approved)) {
        return approval_invalid("The approval names other platform registers than were approved of: it was changed on its way.");
    }
    return {};
}

}  // namespace berth::attestation

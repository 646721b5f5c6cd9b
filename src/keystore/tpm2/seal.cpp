#include "keystore/tpm2/seal.h"

#include "keystore/tpm2/attest.h"
#include "keystore/tpm2/session_tss2.h"

namespace berth::keystore::tpm2 {

namespace {

struct sealed_octets {
    uint8_t version = 1;
    uint32_t parent = 0;
    wire::opaque<1, 66> parent_name;
    wire::opaque<1, 512> area;
    wire::opaque<1, 1024> private_part;
    BERTH_FIELDS(version, parent, parent_name, area, private_part)
};

// The registers are not as they are to be: which, and who tells what they are now.
error other_boot_state(const attestation::pcr_selection& sealed_to, bool by_approval) {
    std::string list;
    for (const uint8_t number : sealed_to.registers) {
        list += (list.empty() ? "" : ",") + std::to_string(number);
    }
    const std::string now = " What they are now: `berth device pcrs --bundle DIR --pcrs " + list + "`.";
    return error{error_category::environment, "tpm_policy_failed",
                 by_approval ? "The machine is not in a boot state that was approved of (platform registers " + list + ")." +
                                   now + " Have that approved of (berth key approve), and here: berth key admit."
                             : "The platform registers " + list +
                                   " are not as they were when this was sealed: start the machine as it was then." + now}
        .with("registers", list);
}

result<bytes> policy_of(const device_ptr& in, const seal_condition& when) {
    if (const auto* registers = std::get_if<attestation::pcr_selection>(&when)) {
        BERTH_TRY(values, read_registers(in, *registers));
        return attestation::pcr_policy(*registers, values);
    }
    if (const auto* approval = std::get_if<attestation::policy_approval>(&when)) {
        return attestation::authorized_policy(approval->authority.name(), approval->policy_ref);
    }
    return bytes{};
}

// The approver's key, in the TPM for as long as it takes to check a signature with it.
result<object> load_external(const device_ptr& in, const attestation::public_area& area) {
    const hold esys(*in);
    BERTH_TRY(key, to_tss(area));
    ESYS_TR loaded = ESYS_TR_NONE;
    // The owner hierarchy: a ticket of the null hierarchy would be no ticket (Part 3, 20.1).
    BERTH_CHECK(
        check(tss().Esys_LoadExternal(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, nullptr, &key, ESYS_TR_RH_OWNER, &loaded),
              "loading the key of who approves policies"));
    return object(in, loaded, true, area);
}

// PolicyAuthorize (Part 3, 23.16): the session has satisfied `approved`, and somebody signed that this is enough.
result<void> authorize(const device_ptr& in, const session& with, const attestation::policy_approval& approval) {
    const hold esys(*in);
    TPM2B_DIGEST approved{};
    TPM2B_NONCE reference{};
    TPM2B_NAME name{};
    TPM2B_DIGEST hashed{};
    const auto hash = attestation::hash_of(approval.authority.name_alg).value_or(crypto::hash_algorithm::sha256);
    const crypto::digest signed_digest = crypto::hash(hash, concat({approval.approved, approval.policy_ref}));
    if (!fill(approved.size, approved.buffer, approval.approved) ||
        !fill(reference.size, reference.buffer, approval.policy_ref) || !fill(name.size, name.name, approval.authority.name()) ||
        !fill(hashed.size, hashed.buffer, signed_digest.view())) {
        return fail(attestation::malformed("approval of a policy", "a part of it is too long."));
    }
    esys_out<TPMT_TK_VERIFIED> ticket;
    {
        BERTH_TRY(authority, load_external(in, approval.authority));
        BERTH_TRY(signature, signature_to_tss(approval.signature));
        const TSS2_RC rc = tss().Esys_VerifySignature(esys, authority.esys(), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &hashed,
                                                      &signature, ticket.slot());
        if ((rc & 0xbfU) == TPM2_RC_SIGNATURE) {
            return fail(error_category::peer, "approval_invalid",
                        "The approval of this boot state is not signed by the key that may approve it.");
        }
        BERTH_CHECK(check(rc, "checking the approval of a boot state"));
    }
    const TSS2_RC rc = tss().Esys_PolicyAuthorize(esys, with.esys(), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &approved,
                                                  &reference, &name, ticket.get());
    // TPM_RC_VALUE for parameter 1: the session's policy is not the approved one.
    if ((rc & 0xfffU) == (TPM2_RC_VALUE | TPM2_RC_P | TPM2_RC_1)) {
        return fail(other_boot_state(approval.selection, true));
    }
    return check(rc, "using the approval of a boot state");
}

result<void> satisfy(const device_ptr& in, const session& with, const seal_condition& now) {
    if (const auto* registers = std::get_if<attestation::pcr_selection>(&now)) {
        return with.policy_pcr(*registers);
    }
    if (const auto* approval = std::get_if<attestation::policy_approval>(&now)) {
        BERTH_CHECK(with.policy_pcr(approval->selection));
        return authorize(in, with, *approval);
    }
    return {};
}

}  // namespace

bytes sealed_secret::encode() const {
    // Within its bounds: both parts came from a TPM.
    return *wire::encode(sealed_octets{1, parent, parent_name, object.area.encode(), object.private_part});
}

result<sealed_secret> sealed_secret::decode(bytes_view octets) {
    const auto parts = wire::decode<sealed_octets>(octets);
    if (!parts || parts->version != 1) {
        return fail(error_category::usage, "tpm_structure_malformed",
                    "The sealed secret is not one that this version of Berth wrote.");
    }
    BERTH_TRY(area, attestation::public_area::parse(parts->area.view()));
    return sealed_secret{parts->parent, parts->parent_name.value, {std::move(area), parts->private_part.value}};
}

result<sealed_secret> seal(const device_ptr& in, const secret_bytes& secret, const seal_condition& when) {
    const hold esys(*in);
    BERTH_TRY(root, open_storage_root(in));
    return seal_below(root, secret, when);
}

result<sealed_secret> seal_below(const storage_root& root, const secret_bytes& secret, const seal_condition& when) {
    const device_ptr& in = root.key.owner();
    const hold esys(*in);
    if (secret.empty()) {
        return fail(error_category::usage, "too_large", "There is nothing to seal.");
    }
    attestation::public_area as;
    as.type = attestation::tpm_alg::keyedhash;
    as.attributes = attestation::fixed_tpm | attestation::fixed_parent | attestation::no_da;
    if (std::holds_alternative<always>(when)) {
        as.attributes |= attestation::user_with_auth;
    } else {
        BERTH_TRY(policy, policy_of(in, when));
        as.policy = std::move(policy);
    }
    BERTH_TRY(wrapped, create_child(root.key, as, secret));
    return sealed_secret{root.handle, root.key.area().name(), std::move(wrapped)};
}

result<secret_bytes> unseal(const device_ptr& in, const sealed_secret& what, const seal_condition& now) {
    const hold esys(*in);
    BERTH_TRY(root, storage_root_at(in, what.parent));
    return unseal_below(root, what, now);
}

result<secret_bytes> unseal_below(const object& root, const sealed_secret& what, const seal_condition& now) {
    const device_ptr& in = root.owner();
    const hold esys(*in);
    if (!same_octets(root.area().name(), what.parent_name)) {
        return fail(
            error_category::environment, "tpm_wrong_tpm",
            "The secret was sealed below another storage root: in another TPM, or before TPM2_Clear (berth device recover).");
    }
    BERTH_TRY(loaded, load(root, what.object));
    const bool by_policy = !what.object.area.policy.empty();
    // Salted with the storage root, which outlives this: the secret leaves the TPM encrypted.
    BERTH_TRY(auth, session::start(in, by_policy ? TPM2_SE_POLICY : TPM2_SE_HMAC, root.esys(), TPMA_SESSION_ENCRYPT));
    if (by_policy) {
        BERTH_CHECK(satisfy(in, auth, now));
    }
    esys_out<TPM2B_SENSITIVE_DATA> out;
    const auto unsealed =
        check(tss().Esys_Unseal(esys, loaded.esys(), auth.esys(), ESYS_TR_NONE, ESYS_TR_NONE, out.slot()), "unsealing a secret");
    if (const auto* const registers = std::get_if<attestation::pcr_selection>(&now);
        !unsealed && unsealed.error().is("tpm_policy_failed") && registers != nullptr) {
        return fail(other_boot_state(*registers, false));
    }
    BERTH_CHECK(unsealed);
    return secret_bytes(bytes_view{out->buffer, out->size});
}

}  // namespace berth::keystore::tpm2

#include "keystore/tpm2/attest.h"
#include "keystore/tpm2/seal.h"
#include "tpm2_fixture.h"

namespace berth::keystore::tpm2 {

namespace {

using attestation::pcr_selection;
using attestation::tpm_alg;

const pcr_selection boot{tpm_alg::sha256, {10, 11}};

std::string extend(int pcr) {
    return "tpm2 pcrextend -Q " + std::to_string(pcr) + ":sha256=" + std::string(64, 'a');
}

TEST_F(Tpm2, SealsAndUnseals) {
    const secret_bytes secret(bytes(64, 5));
    const sealed_secret sealed = value_of(seal(in, secret, always{}));
    const sealed_secret from_disk = value_of(sealed_secret::decode(sealed.encode()));
    EXPECT_EQ(to_hex(value_of(unseal(in, from_disk, always{})).reveal()), to_hex(secret.reveal()));
    EXPECT_EQ(to_hex(sealed.encode()).find(to_hex(secret.reveal())), std::string::npos);

    sealed_secret changed = sealed;
    changed.object.private_part[40] ^= 1;
    EXPECT_EQ(name_of_error(unseal(in, changed, always{})), "tpm_wrong_tpm");
    // A root that answers in the place of the one it was sealed below is not asked.
    sealed_secret below_another = sealed;
    below_another.parent_name.back() ^= 1;
    EXPECT_EQ(name_of_error(unseal(in, below_another, always{})), "tpm_wrong_tpm");
    EXPECT_TRUE(seal(in, secret_bytes(bytes(128, 1)), always{}));
    EXPECT_EQ(name_of_error(seal(in, secret_bytes(bytes(129, 1)), always{})), "too_large");
    EXPECT_EQ(name_of_error(seal(in, secret_bytes(), always{})), "too_large");
}

TEST_F(Tpm2, ToABootState) {
    const secret_bytes secret(bytes(32, 5));
    const sealed_secret sealed = value_of(seal(in, secret, boot));
    EXPECT_EQ(to_hex(value_of(unseal(in, sealed, boot)).reveal()), to_hex(secret.reveal()));
    EXPECT_EQ(name_of_error(unseal(in, sealed, pcr_selection{tpm_alg::sha256, {10}})), "tpm_policy_failed");
    EXPECT_FALSE(unseal(in, sealed, always{})) << "the policy is the only way";
    tool(extend(10));
    EXPECT_EQ(name_of_error(unseal(in, sealed, boot)), "tpm_policy_failed");
}

// PolicyAuthorize (TPM 2.0 Part 3, 23.16): an update changes the registers, and somebody's signature replaces a new seal.
TEST_F(Tpm2, ToWhatSomebodyApproves) {
    const auto authority = test::signature_key("approver");
    const auto approve = [&](const crypto::signing_key& by, bytes_view ref) {
        return value_of(attestation::approve_pcrs(by, boot, value_of(read_registers(in, boot)), ref));
    };
    const secret_bytes secret(bytes(32, 5));
    const auto old_state = approve(authority, as_bytes("gateway"));
    const sealed_secret sealed = value_of(seal(in, secret, old_state));
    EXPECT_EQ(to_hex(value_of(unseal(in, sealed, old_state)).reveal()), to_hex(secret.reveal()));

    tool(extend(11));
    EXPECT_EQ(name_of_error(unseal(in, sealed, old_state)), "tpm_policy_failed");
    const auto new_state = approve(authority, as_bytes("gateway"));
    EXPECT_EQ(to_hex(value_of(unseal(in, sealed, new_state)).reveal()), to_hex(secret.reveal()));

    // Approved by another, for another product, or with a signature of something else.
    EXPECT_EQ(name_of_error(unseal(in, sealed, approve(test::signature_key("stranger"), as_bytes("gateway")))),
              "tpm_policy_failed");
    EXPECT_EQ(name_of_error(unseal(in, sealed, approve(authority, as_bytes("camera")))), "tpm_policy_failed");
    auto forged = new_state;
    forged.signature = old_state.signature;
    EXPECT_EQ(name_of_error(unseal(in, sealed, forged)), "approval_invalid");
    EXPECT_TRUE(unseal(in, sealed, new_state)) << "and after all that it still opens";
}

// The approver's key may be of the larger curve.
TEST_F(Tpm2, ApprovedWithP384) {
    const auto authority = test::signature_key("approver", crypto::signature_algorithm::ecdsa_p384_sha384);
    const auto approval = value_of(attestation::approve_pcrs(authority, boot, value_of(read_registers(in, boot)), {}));
    const sealed_secret sealed = value_of(seal(in, secret_bytes(bytes(32, 5)), approval));
    EXPECT_TRUE(unseal(in, sealed, approval));
}

// Without a storage root that is persistent it is made each time; a later one must not take its place.
TEST_F(Tpm2, KeepsToTheRootItWasSealedBelow) {
    const sealed_secret before = value_of(seal(in, secret_bytes(bytes(32, 5)), always{}));
    EXPECT_EQ(before.parent, 0U);
    attestation::public_area other = storage_root_template();
    other.x = to_bytes(as_bytes("other"));
    {
        const object root = value_of(create_primary(in, hierarchy::owner, other));
        ASSERT_TRUE(make_persistent(root, 0x81000001));
    }
    const sealed_secret after = value_of(seal(in, secret_bytes(bytes(32, 6)), always{}));
    EXPECT_EQ(after.parent, 0x81000001U);
    EXPECT_EQ(value_of(unseal(in, before, always{})).reveal()[0], 5);
    EXPECT_EQ(value_of(unseal(in, after, always{})).reveal()[0], 6);
}

TEST(SealedSecret, EveryTruncationIsRefused) {
    sealed_secret sealed;
    sealed.parent_name = bytes(34, 1);
    sealed.object.area = storage_root_template();
    sealed.object.private_part = bytes(20, 1);
    const bytes octets = sealed.encode();
    EXPECT_TRUE(sealed_secret::decode(octets));
    for (size_t size = 0; size < octets.size(); ++size) {
        EXPECT_EQ(name_of_error(sealed_secret::decode(bytes_view(octets).first(size))), "tpm_structure_malformed") << size;
    }
}

}  // namespace

}  // namespace berth::keystore::tpm2

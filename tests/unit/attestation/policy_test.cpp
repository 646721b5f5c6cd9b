#include "attestation/endorsement.h"
#include "attestation/policy.h"
#include "support/test_pki.h"

#include <gtest/gtest.h>

namespace berth::attestation {

namespace {

using test::name_of_error;
using test::value_of;

TEST(PcrSelection, Encoding) {
    const pcr_selection selection{tpm_alg::sha256, {0, 7, 8, 23}};
    EXPECT_EQ(to_hex(selection.encode()), "00000001000b03810180");
}

TEST(Policy, PcrDigestNeedsEveryValue) {
    const pcr_selection selection{tpm_alg::sha256, {0, 10}};
    pcr_values values{{0, bytes(32)}, {10, bytes(32)}};
    const bytes digest = value_of(pcr_policy(selection, values));
    EXPECT_EQ(digest.size(), 32U);
    values[10][31] = 1;
    EXPECT_NE(value_of(pcr_policy(selection, values)), digest);
    values[10].pop_back();
    EXPECT_EQ(name_of_error(pcr_policy(selection, values)), "pcr_value_missing");
    values.erase(10);
    EXPECT_EQ(name_of_error(pcr_policy(selection, values)), "pcr_value_missing");
    EXPECT_EQ(name_of_error(pcr_policy({tpm_alg::sha1, {0}}, values)), "tpm_unsupported");
}

TEST(Policy, ApprovalIsSignedForItsReference) {
    const auto authority = test::signature_key("approver");
    const pcr_selection selection{tpm_alg::sha256, {10}};
    const policy_approval approval = value_of(approve_pcrs(authority, selection, {{10, bytes(32)}}, as_bytes("gateway")));
    const bytes der = value_of(ecdsa_signature_der(approval.signature, authority.algorithm()));
    EXPECT_TRUE(authority.public_key().verify(concat({approval.approved, as_bytes("gateway")}), der));
    EXPECT_FALSE(authority.public_key().verify(concat({approval.approved, as_bytes("camera")}), der));
    EXPECT_NE(authorized_policy(approval.authority.name(), as_bytes("gateway")),
              authorized_policy(approval.authority.name(), as_bytes("camera")));
    EXPECT_EQ(name_of_error(approve_pcrs(test::signature_key("approver", crypto::signature_algorithm::mldsa44), selection,
                                         {{10, bytes(32)}}, {})),
              "tpm_unsupported");
}

// Whoever carries an approval changes nothing in it unseen: not what the signature is over, nor what the TPM is told beside.
TEST(Policy, AnApprovalThatWasChangedIsFound) {
    const auto authority = test::signature_key("approver");
    const auto approval =
        value_of(approve_pcrs(authority, {tpm_alg::sha256, {0, 7}}, {{0, bytes(32)}, {7, bytes(32, 1)}}, as_bytes("gateway")));
    EXPECT_TRUE(check_approval(approval));
    const auto expect_invalid = [&](const char* what, const auto& change) {
        policy_approval changed = approval;
        change(changed);
        EXPECT_EQ(name_of_error(check_approval(changed)), "approval_invalid") << what;
    };
    expect_invalid("another register", [](auto& a) { a.selection.registers = {0, 2}; });
    expect_invalid("one less", [](auto& a) { a.selection.registers = {7}; });
    expect_invalid("none", [](auto& a) { a.selection.registers.clear(); });
    expect_invalid("one that no TPM has", [](auto& a) { a.selection.registers = {0, 7, 24}; });
    expect_invalid("one twice", [](auto& a) { a.selection.registers = {0, 7, 7}; });
    expect_invalid("not in order", [](auto& a) { a.selection.registers = {7, 0}; });
    expect_invalid("another bank", [](auto& a) { a.selection.bank = tpm_alg::sha384; });
    expect_invalid("other values", [](auto& a) { a.registers_digest.back() ^= 1; });
    expect_invalid("another policy", [](auto& a) { a.approved.back() ^= 1; });
    expect_invalid("another purpose", [](auto& a) { a.policy_ref.back() ^= 1; });
    expect_invalid("another signature", [](auto& a) { a.signature.back() ^= 1; });
    expect_invalid("a key that is no point", [](auto& a) { a.authority.x.back() ^= 1; });
    expect_invalid("an earlier version's", [](auto& a) { a.registers_digest.clear(); });
}

}  // namespace

}  // namespace berth::attestation

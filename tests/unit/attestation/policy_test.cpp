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

}  // namespace

}  // namespace berth::attestation

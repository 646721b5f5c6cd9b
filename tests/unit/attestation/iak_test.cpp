// The certificate of an attestation key: what makes it one, and what it is never good for.
#include "support/made_up_tpm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::attestation {

namespace {

using test::name_of_error;
using test::value_of;

struct scene {
    test::authority root = test::make_root("Z1");
    test::authority ca = test::make_issuing_ca(root, "IDevID CA", crypto::signature_algorithm::ecdsa_p384_sha384);
    test::made_up_tpm tpm{ca.certificate, ca.key, "SN-1"};

    result<attestation_key> vouched_for(const pki::certificate& leaf) const {
        const auto trust = value_of(pki::trust_store::from_root(root.certificate));
        const std::vector<pki::certificate> chain{leaf, ca.certificate};
        return attestation_key::vouched_for(value_of(pki::verify_chain(trust, chain, test::now_as(pki::leaf_rule::signature))));
    }
    // What is wrong with one that differs from a good one by `change`.
    template <class Change>
    std::string broken_by(Change change) const {
        auto contents = test::made_up_tpm::contents("SN-1");
        change(contents);
        const auto judged = check_iak_certificate(tpm.certify(ca.certificate, ca.key, contents));
        EXPECT_TRUE(judged || judged.error().is("bad_profile"));
        return judged ? "accepted" : judged.error().message;
    }
};

TEST(Iak, IsBelievedByItsCertificate) {
    const scene s;
    const auto key = s.vouched_for(s.tpm.chain.front());
    ASSERT_TRUE(key) << key.error().message;
    const bytes nonce(32, 9);
    const auto quote = s.tpm.quote(nonce);
    const pcr_values values{{0, bytes(32, 1)}, {2, bytes(32, 2)}, {7, bytes(32, 7)}};
    EXPECT_TRUE(verify_quote({quote.attest.value, quote.signature.value}, *key, nonce, {tpm_alg::sha256, {0, 2, 7}}, values));
    const pki::certificate& leaf = s.tpm.chain.front();
    EXPECT_EQ(leaf.policies(), (std::vector<std::string>{"2.23.133.11.1.1", "2.23.133.11.1.3"}));
    EXPECT_EQ(leaf.extended_key_usages(), std::vector<std::string>{"2.23.133.8.3"});
    EXPECT_FALSE(leaf.is_ca());
}

TEST(Iak, EachRule) {
    using testing::HasSubstr;
    const scene s;
    const auto without = [](std::vector<std::string>& from, std::string_view what) {
        std::erase_if(from, [what](const auto& each) { return each == what; });
    };
    EXPECT_EQ(s.broken_by([](auto&) {}), "accepted");
    EXPECT_THAT(s.broken_by([&](auto& c) { without(c.policies, pki::oid_tcg_verified_restricted); }), HasSubstr("(restricted)"));
    EXPECT_THAT(s.broken_by([&](auto& c) { without(c.policies, pki::oid_tcg_verified_residency); }), HasSubstr("is in a TPM"));
    EXPECT_THAT(s.broken_by([&](auto& c) { c.extended_key_usages.clear(); }), HasSubstr("tcg-kp-AIKCertificate"));
    EXPECT_THAT(s.broken_by([&](auto& c) { c.extended_key_usages.emplace_back(pki::oid_client_auth); }),
                HasSubstr("tcg-kp-AIKCertificate alone"));
    EXPECT_THAT(s.broken_by([](auto& c) { c.key_usage = pki::digital_signature | pki::key_agreement; }), HasSubstr("keyUsage"));
    EXPECT_THAT(s.broken_by([](auto& c) { c.is_ca = true; }), HasSubstr("it is a CA"));
    EXPECT_THAT(s.broken_by([](auto& c) { c.subject = pki::distinguished_name().add("CN", "x"); }), HasSubstr("serialNumber"));
    EXPECT_THAT(s.broken_by([](auto& c) { c.alt_names.hardware.reset(); }), HasSubstr("names no TPM"));
    EXPECT_THAT(s.broken_by([](auto& c) { c.alt_names.hardware->type_oid = "1.2.3"; }), HasSubstr("names no TPM"));
    const auto post_quantum = test::signature_key("pq", crypto::signature_algorithm::mldsa44);
    EXPECT_EQ(name_of_error(check_iak_certificate(
                  test::issue(s.ca, test::made_up_tpm::contents("SN-1"), post_quantum.public_key().spki()))),
              "bad_profile");
}

// The identity key is in the same TPM, and signs whatever it is given: a forged quote, too.
TEST(Iak, AnIdentityIsNone) {
    const scene s;
    auto identity = pki::idevid_signature_template("Test", "SN-1", test::some_tpm, test::usual);
    identity.policies = {std::string(pki::oid_tcg_verified_residency), std::string(pki::oid_tcg_verified_fixed)};
    EXPECT_EQ(name_of_error(s.vouched_for(s.tpm.certify(s.ca.certificate, s.ca.key, identity))), "bad_profile");
}

TEST(Iak, IsNobodysClientAndNoIdentity) {
    const scene s;
    const pki::certificate& leaf = s.tpm.chain.front();
    EXPECT_EQ(name_of_error(pki::require_device(leaf)), "bad_extended_key_usage");
    EXPECT_EQ(name_of_error(pki::check_idevid_signature(leaf)), "bad_profile");
    EXPECT_EQ(name_of_error(pki::check_idevid_kem(leaf)), "bad_profile");
    const auto trust = value_of(pki::trust_store::from_root(s.root.certificate));
    EXPECT_EQ(name_of_error(pki::verify_chain(trust, s.tpm.chain, test::now_as(pki::leaf_rule::kem))), "unsupported_certificate");
}

}  // namespace

}  // namespace berth::attestation

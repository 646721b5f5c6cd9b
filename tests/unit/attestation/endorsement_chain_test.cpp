// Which endorsement certificates are believed.
#include "attestation/endorsement_chain.h"
#include "support/test_pki.h"

namespace berth::attestation {

namespace {

using test::name_of_error;
using test::value_of;

constexpr auto p256 = crypto::signature_algorithm::ecdsa_p256_sha256;

pki::certificate_template endorsement() {
    pki::certificate_template out;
    out.subject.add("CN", "TPM");
    out.not_before = test::usual.not_before;
    out.not_after = test::usual.not_after;
    out.key_usage = pki::key_agreement;
    out.extended_key_usages = {"2.23.133.8.1"};
    return out;
}

class EndorsementChain : public testing::Test {
protected:
    pki::certificate made_by(const test::authority& by, const pki::certificate_template& contents = endorsement()) {
        return test::issue(by, contents, ek.public_key().spki());
    }
    static std::string judged(const pki::certificate& certificate, const std::vector<pki::certificate>& makers,
                              unix_seconds at = test::test_now) {
        return name_of_error(verify_endorsement(certificate, value_of(maker_roots::from(makers)), at));
    }
    crypto::signing_key ek = test::signature_key("endorsement");
    test::authority root = test::make_root("maker", p256);
    test::authority between = test::make_issuing_ca(root, "maker's CA", p256);
    test::authority other = test::make_root("another maker", p256);
};

TEST_F(EndorsementChain, LeadsToARootThatIsGiven) {
    const auto certificate = made_by(between);
    EXPECT_EQ(judged(certificate, {root.certificate, between.certificate}), "accepted");
    EXPECT_EQ(judged(certificate, {between.certificate}), "accepted") << "whoever gives an intermediate CA believes it";
    EXPECT_EQ(judged(certificate, {other.certificate, root.certificate, between.certificate}), "accepted");
    const auto proof =
        value_of(verify_endorsement(certificate, value_of(maker_roots::from({between.certificate})), test::test_now));
    EXPECT_TRUE(same_octets(proof.certificate().der(), certificate.der()));
}

TEST_F(EndorsementChain, LeadsElsewhere) {
    const auto certificate = made_by(between);
    EXPECT_EQ(judged(certificate, {other.certificate}), "ek_certificate_untrusted");
    EXPECT_EQ(judged(certificate, {root.certificate}), "ek_certificate_untrusted") << "what is between is not there";
    // The same name, and another key.
    const auto impostor = test::make_root("maker", crypto::signature_algorithm::ecdsa_p384_sha384);
    EXPECT_EQ(judged(made_by(root), {impostor.certificate}), "ek_certificate_untrusted");
}

// One maker's root under another's: whoever believes the other one believes both.
TEST_F(EndorsementChain, ACrossSignedRoot) {
    test::named_random random("cross");
    auto contents = pki::root_template("Test", "maker", test::usual);
    const auto crossed = value_of(pki::issue(contents, root.key.public_key().spki(), other.certificate, other.key, random));
    EXPECT_EQ(judged(made_by(root), {other.certificate, crossed}), "accepted");
    EXPECT_EQ(judged(made_by(root), {other.certificate}), "ek_certificate_untrusted");
}

TEST_F(EndorsementChain, IsOneOfAnEndorsementKey) {
    auto unmarked = endorsement();
    unmarked.extended_key_usages = {"1.3.6.1.5.5.7.3.2"};
    EXPECT_EQ(judged(made_by(root, unmarked), {root.certificate}), "ek_certificate_untrusted");
    EXPECT_EQ(judged(between.certificate, {root.certificate}), "ek_certificate_untrusted");
}

TEST_F(EndorsementChain, HasItsTime) {
    EXPECT_EQ(judged(made_by(root), {root.certificate}, test::usual.not_after + 1), "ek_certificate_untrusted");
    EXPECT_EQ(judged(made_by(root), {root.certificate}, test::usual.not_before - 1), "ek_certificate_untrusted");
}

TEST_F(EndorsementChain, LeavesAreNoAnchors) {
    EXPECT_EQ(name_of_error(maker_roots::from({})), "bad_anchor");
    EXPECT_EQ(name_of_error(maker_roots::from({root.certificate, made_by(root)})), "bad_anchor");
}

}  // namespace

}  // namespace berth::attestation

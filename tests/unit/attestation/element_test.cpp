// The judge of secure elements, with keys of this process in the chip's place.
#include "attestation/element.h"
#include "attestation/iak.h"
#include "support/stsafe_identity.h"

#include <gtest/gtest.h>

namespace berth::attestation {

namespace {

using test::name_of_error;
using test::value_of;

class Element : public testing::Test {
protected:
    [[nodiscard]] result<pki::verified_chain> chain(const pki::certificate& leaf, unix_seconds now = test::test_now) const {
        return verify_element_chain(trust, {&leaf, 1}, now);
    }
    element_challenge challenge(std::string audience = "cloud.example") {
        return value_of(element_challenge::draw(std::move(audience), random));
    }

    test::named_random random{"verifier"};
    test::authority maker = test::make_chip_maker("maker");
    pki::trust_store trust = value_of(pki::trust_store::from_root(maker.certificate));
    crypto::signing_key key = test::signature_key("chip");
    pki::certificate certificate = test::certificate_for(maker, "chip 1", key.public_key().spki());
};

TEST_F(Element, WhatIsSignedSaysWhatItIsAndForWhom) {
    const bytes message = element_message("a", bytes(32, 0x11));
    EXPECT_EQ(to_hex(message), "426572746820656c656d656e742061757468656e7469636174696f6e20310001611111111111111111"
                               "111111111111111111111111111111111111111111111111");
    // No audience and challenge together look like another two.
    EXPECT_NE(element_message("a", bytes(32, 'a')), element_message("aa", bytes(31, 'a')));
    EXPECT_EQ(challenge("x").message(), [&] {
        test::named_random again("verifier");
        return element_message("x", again.octets<32>());
    }());
}

TEST_F(Element, TheOneThatTheCertificateSpeaksOf) {
    auto c = challenge();
    const auto element = value_of(c.accept(value_of(chain(certificate)), value_of(key.sign(c.message()))));
    EXPECT_EQ(element.certificate(), certificate);
    EXPECT_EQ(element.maker(), maker.certificate);
}

TEST_F(Element, AnswersAreTakenOnce) {
    auto c = challenge();
    const bytes answer = value_of(key.sign(c.message()));
    ASSERT_TRUE(c.accept(value_of(chain(certificate)), answer));
    EXPECT_EQ(name_of_error(c.accept(value_of(chain(certificate)), answer)), "challenge_used");
    // Also a wrong one uses it up: nobody guesses twice.
    auto other = challenge();
    EXPECT_EQ(name_of_error(other.accept(value_of(chain(certificate)), answer)), "element_signature_invalid");
    EXPECT_EQ(name_of_error(other.accept(value_of(chain(certificate)), value_of(key.sign(other.message())))), "challenge_used");
}

TEST_F(Element, ClonesHaveTheCertificateAndNotTheKey) {
    auto c = challenge();
    const auto clone = test::signature_key("clone");
    EXPECT_EQ(name_of_error(c.accept(value_of(chain(certificate)), value_of(clone.sign(c.message())))),
              "element_signature_invalid");
}

TEST_F(Element, AnswersForOthersAreWorthNothing) {
    // The same challenge, which somebody in the middle has passed on under its own name.
    auto c = challenge("cloud.example");
    const bytes relayed = value_of(key.sign(element_message("evil.example", c.octets())));
    EXPECT_EQ(name_of_error(c.accept(value_of(chain(certificate)), relayed)), "element_signature_invalid");
    auto bare = challenge("cloud.example");
    EXPECT_EQ(name_of_error(bare.accept(value_of(chain(certificate)), value_of(key.sign(bare.octets())))),
              "element_signature_invalid")
        << "a signature over the challenge alone";
    auto empty = challenge("cloud.example");
    EXPECT_EQ(name_of_error(empty.accept(value_of(chain(certificate)), {})), "element_signature_invalid");
}

TEST_F(Element, CertificatesOfOthersAreNone) {
    const auto other = test::make_chip_maker("another maker");
    EXPECT_EQ(name_of_error(chain(test::certificate_for(other, "chip 1", key.public_key().spki()))), "unknown_issuer");
    EXPECT_EQ(name_of_error(chain(certificate, test::usual.not_after + 1)), "certificate_expired");
    EXPECT_EQ(name_of_error(chain(certificate, test::usual.not_before - 1)), "certificate_not_yet_valid");
    EXPECT_EQ(name_of_error(chain(maker.certificate)), "bad_certificate") << "a CA is no element";
    const auto lists = pki::issue_crl({.number = 1,
                                       .this_update = test::test_now - test::day,
                                       .next_update = test::test_now + test::day,
                                       .revoked = {{.serial = certificate.serial(), .revoked_at = test::test_now - 10}}},
                                      maker.certificate, maker.key);
    trust = value_of(pki::trust_store::build({{maker.certificate}, {}, {value_of(lists)}}));
    EXPECT_EQ(name_of_error(chain(certificate)), "certificate_revoked");
    EXPECT_TRUE(chain(test::certificate_for(maker, "chip 2", test::signature_key("chip 2").public_key().spki())));
}

// A maker that certifies devices with TPMs by the same CA.
TEST_F(Element, KeysOfTpmsAreNoElements) {
    const auto spki = key.public_key().spki();
    const auto of = [&](const pki::certificate_template& contents) { return chain(test::issue(maker, contents, spki)); };
    const pki::hardware_module tpm{std::string(oid_hardware_type_tpm), to_bytes(as_bytes("01:02"))};
    const pki::hardware_module other{"1.3.6.1.4.1.32473.1", to_bytes(as_bytes("SN-1"))};
    const auto refused = of(iak_certificate_template("Test", "SN-1", tpm, {"aa", "2.23.133.12.1"}, test::usual));
    EXPECT_EQ(name_of_error(refused), "not_an_element");
    EXPECT_EQ(refused.error().category, error_category::peer);
    EXPECT_EQ(name_of_error(of(pki::idevid_signature_template("Test", "SN-1", tpm, test::usual))), "not_an_element");
    EXPECT_TRUE(of(pki::idevid_signature_template("Test", "SN-1", other, test::usual))) << "an STSAFE-A that Berth personalised";
    auto only_by_its_use = pki::idevid_signature_template("Test", "SN-1", other, test::usual);
    only_by_its_use.extended_key_usages = {std::string(oid_tcg_aik_certificate)};
    EXPECT_EQ(name_of_error(of(only_by_its_use)), "not_an_element");
    only_by_its_use.extended_key_usages = {std::string(pki::oid_tcg_ek_certificate)};
    EXPECT_EQ(name_of_error(of(only_by_its_use)), "not_an_element");
}

TEST_F(Element, AudiencesHaveALimit) {
    EXPECT_EQ(name_of_error(element_challenge::draw("", random)), "bad_audience");
    EXPECT_EQ(name_of_error(element_challenge::draw(std::string(256, 'a'), random)), "bad_audience");
    EXPECT_TRUE(element_challenge::draw(std::string(255, 'a'), random));
    EXPECT_EQ(name_of_error(element_challenge::resume("", {})), "bad_audience");
}

}  // namespace

}  // namespace berth::attestation

// A host that verifies the chip on its bus.
#include "keystore/stsafe/authentication.h"
#include "support/stsafe_chip.h"
#include "support/stsafe_identity.h"

#include <gtest/gtest.h>

namespace berth::keystore::stsafe {

namespace {

using test::model_chip;
using test::name_of_error;
using test::value_of;

class StsafeAuthentication : public testing::Test {
protected:
    result<attestation::verified_element> ask(stsafe::device& of, const identity_place& place = {}) {
        return authenticate(of, place, trust, test::test_now, random);
    }

    model_chip chip;
    stsafe::device device = chip.connect();
    test::named_random random{"host"};
    test::authority maker = test::make_chip_maker("maker");
    pki::trust_store trust = value_of(pki::trust_store::from_root(maker.certificate));
};

TEST_F(StsafeAuthentication, AGenuineChip) {
    const auto certificate = test::give_identity(device, maker, "chip 1");
    const auto element = value_of(ask(device));
    EXPECT_EQ(element.certificate(), certificate);
    EXPECT_EQ(element.maker(), maker.certificate);
    // The challenge is another each time.
    const bytes first = *chip.chip().read(80);
    ASSERT_TRUE(ask(device));
    EXPECT_NE(*chip.chip().read(80), first);
}

TEST_F(StsafeAuthentication, AnIntermediateCaOfTheMaker) {
    const auto issuing = test::make_issuing_ca(maker, "issuing", test::chip_key_algorithm);
    test::give_identity(device, issuing, "chip 1");
    EXPECT_EQ(name_of_error(ask(device)), "unknown_issuer");
    trust = value_of(pki::trust_store::build({{maker.certificate}, {issuing.certificate}, {}}));
    EXPECT_EQ(value_of(ask(device)).maker(), maker.certificate);
}

TEST_F(StsafeAuthentication, AClone) {
    const auto certificate = test::give_identity(device, maker, "chip 1");
    model_chip other("clone");
    auto clone = other.connect();
    test::give_identity(clone, maker, "chip 2");
    ASSERT_TRUE(write_octets(clone, 0, 0, certificate.der()));
    const auto refused = ask(clone);
    EXPECT_EQ(name_of_error(refused), "element_signature_invalid");
    EXPECT_EQ(refused.error().category, error_category::peer);
    EXPECT_NE(refused.error().message.find("verifying the signature over the challenge"), std::string::npos)
        << refused.error().message;
}

TEST_F(StsafeAuthentication, ErrorsTellWhichStepItWas) {
    const auto says = [&](const identity_place& place, std::string_view name, std::string_view step) {
        const auto refused = ask(device, place);
        EXPECT_EQ(name_of_error(refused), name);
        EXPECT_NE(refused.error().message.find(step), std::string::npos) << refused.error().message;
    };
    says({}, "stsafe_no_certificate", "reading the certificate");
    test::give_identity(device, test::make_chip_maker("another maker"), "chip 1");
    says({}, "unknown_issuer", "verifying the certificate");
    const auto certificate = test::give_identity(device, maker, "chip 1");
    ASSERT_TRUE(write_octets(device, 1, 0, certificate.der()));
    says({.slot = 3, .zone = 1}, "stsafe_key_not_found", "having the challenge signed");
    says({.slot = 0, .zone = 5}, "stsafe_wrong_answer", "reading the certificate");
    chip.faults.refused_writes = 1'000'000;
    says({}, "stsafe_busy", "reading the certificate");
}

TEST_F(StsafeAuthentication, ACertificateOfAKeyThatNoChipHolds) {
    const auto certificate =
        test::certificate_for(maker, "pq", test::signature_key("pq", crypto::signature_algorithm::mldsa44).public_key().spki());
    const bytes before = chip.memory();
    EXPECT_EQ(name_of_error(sign_as_element(device, 0, certificate, as_bytes("x"))), "wrong_key_kind");
    EXPECT_EQ(chip.memory(), before);
}

TEST_F(StsafeAuthentication, InAHostSessionTheAnswersAreVouchedFor) {
    test::give_identity(device, maker, "chip 1");
    ASSERT_TRUE(device.run(put_attribute{attribute::host_key, {secret_bytes(test::host_key_octets)}}));
    ASSERT_TRUE(device.open_host_session(test::test_host_keys()));
    const uint32_t before = chip.chip().state().host_counter;
    ASSERT_TRUE(ask(device));
    EXPECT_GT(chip.chip().state().host_counter, before) << "the certificate was read in the session";
}

}  // namespace

}  // namespace berth::keystore::stsafe

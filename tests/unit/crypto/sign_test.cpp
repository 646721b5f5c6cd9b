#include "crypto/sign.h"
#include "support/given_random.h"

#include <gtest/gtest.h>

namespace berth::crypto {

namespace {

using test::named_random;

class Sign : public testing::TestWithParam<signature_algorithm> {
protected:
    named_random random_{"sign"};
    signing_key key_ = signing_key::generate(GetParam(), random_);
};

TEST_P(Sign, VerifiesWhatWasSignedAndNothingElse) {
    const auto signature = key_.sign(as_bytes("message"));
    ASSERT_TRUE(signature) << signature.error().message;
    EXPECT_TRUE(key_.public_key().verify(as_bytes("message"), *signature));

    const auto expect_refused = [&](bytes_view message, const bytes& sig, const verification_key& with) {
        const auto verified = with.verify(message, sig);
        ASSERT_FALSE(verified);
        EXPECT_EQ(verified.error().name, "bad_signature");
    };
    expect_refused(as_bytes("massage"), *signature, key_.public_key());
    bytes changed = *signature;
    changed.back() ^= 1;
    expect_refused(as_bytes("message"), changed, key_.public_key());
    expect_refused(as_bytes("message"), {}, key_.public_key());
    bytes longer = *signature;
    longer.push_back(0);
    expect_refused(as_bytes("message"), longer, key_.public_key());
    const auto other = signing_key::generate(GetParam(), random_);
    expect_refused(as_bytes("message"), *signature, other.public_key());
}

TEST_P(Sign, KeysSurviveTheirEncodings) {
    const auto pkcs8 = key_.to_pkcs8();
    ASSERT_TRUE(pkcs8);
    const auto again = signing_key::from_pkcs8(pkcs8->reveal());
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->public_key(), key_.public_key());
    EXPECT_EQ(again->algorithm(), GetParam());
    EXPECT_EQ(to_hex(again->to_pkcs8()->reveal()), to_hex(pkcs8->reveal()));
    const auto pub = verification_key::from_spki(key_.public_key().spki());
    ASSERT_TRUE(pub) << pub.error().message;
    EXPECT_EQ(*pub, key_.public_key());
    const auto raw = verification_key::from_raw(GetParam(), pub->raw());
    ASSERT_TRUE(raw);
    EXPECT_EQ(*raw, *pub);
    EXPECT_TRUE(pub->verify(as_bytes("m"), *again->sign(as_bytes("m"))));
}

TEST_P(Sign, TheSameStreamGivesTheSameKey) {
    named_random same("sign");
    EXPECT_EQ(signing_key::generate(GetParam(), same).public_key(), key_.public_key());
}

TEST_P(Sign, EncodingsAreStrict) {
    bytes spki = to_bytes(key_.public_key().spki());
    spki.push_back(0);
    EXPECT_EQ(verification_key::from_spki(spki).error().name, "bad_public_key");
    bytes raw = to_bytes(key_.public_key().raw());
    raw.pop_back();
    EXPECT_EQ(verification_key::from_raw(GetParam(), raw).error().name, "bad_public_key");
    bytes pkcs8 = to_bytes(key_.to_pkcs8()->reveal());
    pkcs8.push_back(0);
    EXPECT_EQ(signing_key::from_pkcs8(pkcs8).error().name, "bad_private_key");
}

INSTANTIATE_TEST_SUITE_P(All, Sign, testing::ValuesIn(all_signature_algorithms),
                         [](const auto& p) { return std::string(name_of(p.param)); });

TEST(SignKeys, OffCurveAndCompressedPointsAreRefused) {
    named_random random("points");
    const auto key = signing_key::generate(signature_algorithm::ecdsa_p256_sha256, random);
    bytes raw = to_bytes(key.public_key().raw());
    raw.back() ^= 1;
    EXPECT_EQ(verification_key::from_raw(signature_algorithm::ecdsa_p256_sha256, raw).error().name, "bad_public_key");
    raw = to_bytes(key.public_key().raw().first(33));
    raw[0] = 0x02;
    EXPECT_EQ(verification_key::from_raw(signature_algorithm::ecdsa_p256_sha256, raw).error().name, "bad_public_key");
}

TEST(SignKeys, AnEcKeyWhosePartsDoNotMatchIsRefused) {
    named_random random("mismatch");
    const auto a = signing_key::generate(signature_algorithm::ecdsa_p256_sha256, random);
    const auto b = signing_key::generate(signature_algorithm::ecdsa_p256_sha256, random);
    bytes der = to_bytes(a.to_pkcs8()->reveal());
    std::copy(b.public_key().raw().begin(), b.public_key().raw().end(), der.end() - 65);
    const auto made = signing_key::from_pkcs8(der);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().name, "bad_private_key");
}

TEST(SignKeys, OtherKindsOfKeyAreNamed) {
    named_random random("kinds");
    // A KEM's SubjectPublicKeyInfo starts like an ML-DSA one.
    bytes spki = to_bytes(signing_key::generate(signature_algorithm::mldsa44, random).public_key().spki());
    spki[16] = 0x14;  // an SLH-DSA OID
    const auto made = verification_key::from_spki(spki);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().name, "unsupported_key_algorithm");
}

TEST(EcdsaForms, BothWays) {
    named_random random("forms");
    for (const auto alg : {signature_algorithm::ecdsa_p256_sha256, signature_algorithm::ecdsa_p384_sha384}) {
        const auto key = signing_key::generate(alg, random);
        for (int i = 0; i < 50; ++i) {
            const auto der = key.sign(as_bytes(std::to_string(i)));
            ASSERT_TRUE(der);
            const auto raw = ecdsa_der_to_raw(alg, *der);
            ASSERT_TRUE(raw);
            EXPECT_EQ(raw->size(), alg == signature_algorithm::ecdsa_p256_sha256 ? 64U : 96U);
            const auto back = ecdsa_raw_to_der(alg, *raw);
            ASSERT_TRUE(back);
            EXPECT_EQ(*back, *der);
        }
        EXPECT_EQ(ecdsa_der_to_raw(alg, as_bytes("nonsense")).error().name, "bad_signature");
        EXPECT_EQ(ecdsa_raw_to_der(alg, bytes(63)).error().name, "bad_signature");
    }
    bytes trailing = *ecdsa_raw_to_der(signature_algorithm::ecdsa_p256_sha256, bytes(64, 1));
    trailing.push_back(0);
    EXPECT_EQ(ecdsa_der_to_raw(signature_algorithm::ecdsa_p256_sha256, trailing).error().name, "bad_signature");
}

}  // namespace

}  // namespace berth::crypto

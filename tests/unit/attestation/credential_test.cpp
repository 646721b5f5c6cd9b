// MakeCredential without a TPM; that a real one understands it is tests/unit/keystore/tpm2_endorsement_test.cpp's to show.
#include "attestation/credential.h"
#include "attestation/endorsement.h"
#include "support/test_pki.h"

#include <gtest/gtest.h>

namespace berth::attestation {

namespace {

using test::name_of_error;
using test::value_of;

public_area key_area() {
    return value_of(public_area_of(test::signature_key("iak").public_key()));
}

TEST(MakeCredential, SizesAndFreshness) {
    test::named_random random("credential");
    for (const auto alg : {crypto::signature_algorithm::ecdsa_p256_sha256, crypto::signature_algorithm::ecdsa_p384_sha384}) {
        const auto ek = test::signature_key("ek", alg).public_key();
        const public_area area = value_of(ek_from_spki(ek.spki()));
        const size_t hash = crypto::hash_size(*hash_of(area.name_alg));
        const auto one = value_of(make_credential(area, key_area().name(), bytes(32, 1), random));
        const auto two = value_of(make_credential(area, key_area().name(), bytes(32, 1), random));
        EXPECT_EQ(one.blob.size(), 2 + hash + 2 + 32);
        EXPECT_EQ(one.encrypted_secret.size(), 2 * (2 + field_size(area.curve)));
        EXPECT_NE(one.blob, two.blob);
        EXPECT_NE(one.encrypted_secret, two.encrypted_secret);
    }
}

TEST(MakeCredential, RefusesWhatIsNoEndorsementKey) {
    test::named_random random("credential");
    EXPECT_EQ(name_of_error(make_credential(key_area(), key_area().name(), bytes(32), random)), "tpm_unsupported")
        << "a signing key decrypts nothing";
    public_area ek = value_of(ek_from_spki(test::signature_key("ek").public_key().spki()));
    EXPECT_EQ(name_of_error(make_credential(ek, key_area().name(), bytes(33), random)), "credential_too_large");
    ek.y[0] ^= 1;
    EXPECT_EQ(name_of_error(make_credential(ek, key_area().name(), bytes(32), random)), "bad_public_key");
}

TEST(CredentialChallenge, AcceptsItsSecretAndNothingElse) {
    test::named_random random("challenge");
    const auto ek = test::signature_key("ek").public_key();
    auto challenge = value_of(credential_challenge::make(ek.spki(), key_area(), random));
    EXPECT_EQ(name_of_error(challenge.accept({})), "credential_not_activated");
    EXPECT_EQ(name_of_error(challenge.accept(bytes(32))), "credential_not_activated");
    EXPECT_EQ(name_of_error(credential_challenge::make(as_bytes("x"), key_area(), random)), "bad_public_key");
}

}  // namespace

}  // namespace berth::attestation

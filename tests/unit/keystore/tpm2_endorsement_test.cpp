// A TPM as its maker sells it, and a server that has only its certificate.
#include "keystore/tpm2/devid.h"
#include "keystore/tpm2/endorsement.h"
#include "keystore/tpm2/nv.h"
#include "pki/certificate.h"
#include "tpm2_fixture.h"

namespace berth::keystore::tpm2 {

namespace {

using attestation::credential_challenge;
using attestation::ek_kind;

class Tpm2Endorsement : public Tpm2 {
protected:
    void SetUp() override {
        BERTH_NEEDS_SWTPM();
        chip.emplace(true);
        connect();
    }
};

// The whole of it: certificate, key, challenge, answer.
void activates(const device_ptr& in, ek_kind kind, bytes_view ek_spki) {
    const devid_layout at;
    const object iak = value_of(establish(in, iak_template(), at.iak));
    test::named_random random("server");
    auto challenge = value_of(credential_challenge::make(ek_spki, iak.area(), random));
    auto for_another_key = value_of(credential_challenge::make(ek_spki, idevid_template(), random));
    const object ek = value_of(create_endorsement_key(in, kind));
    const auto returned = activate_credential(iak, ek, kind, challenge.sent());
    ASSERT_TRUE(returned) << returned.error().message;
    const auto proof = challenge.accept(returned->reveal());
    ASSERT_TRUE(proof) << proof.error().message;
    EXPECT_EQ(proof->key(), iak.area());
    EXPECT_EQ(name_of_error(challenge.accept(returned->reveal())), "credential_not_activated") << "it answers once";

    EXPECT_EQ(name_of_error(activate_credential(iak, ek, kind, for_another_key.sent())), "tpm_wrong_tpm");
    auto changed = challenge.sent();
    changed.blob.back() ^= 1;
    EXPECT_EQ(name_of_error(activate_credential(iak, ek, kind, changed)), "tpm_wrong_tpm");
}

TEST_F(Tpm2Endorsement, CertificatesAndTheirKeys) {
    const auto all = value_of(endorsement_certificates(in));
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].kind, ek_kind::rsa2048);
    EXPECT_EQ(all[1].kind, ek_kind::p384_high);
    for (const auto& certificate : all) {
        SCOPED_TRACE(attestation::profile_of(certificate.kind).name);
        const auto key = certified_endorsement_key(in, certificate);
        ASSERT_TRUE(key) << key.error().message;
        // What a server works out from the certificate alone is what the TPM has.
        const auto parsed = value_of(pki::certificate::parse(certificate.der));
        auto worked_out = value_of(attestation::ek_from_spki(parsed.spki()));
        EXPECT_EQ(worked_out, key->area());
    }
    // The same key, and another TPM's certificate.
    endorsement_certificate swapped = all[0];
    swapped.kind = ek_kind::p256;
    EXPECT_EQ(name_of_error(certified_endorsement_key(in, swapped)), "ek_mismatch");
}

TEST_F(Tpm2Endorsement, ActivatesWithEachCertifiedKey) {
    for (const auto& certificate : value_of(endorsement_certificates(in))) {
        SCOPED_TRACE(attestation::profile_of(certificate.kind).name);
        activates(in, certificate.kind, value_of(pki::certificate::parse(certificate.der)).spki());
    }
}

// swtpm's maker certifies no P-256 key; others do, at an index of its own.
TEST_F(Tpm2, ActivatesWithP256) {
    const bytes spki = value_of(value_of(create_endorsement_key(in, ek_kind::p256)).area().spki());
    const auto maker = test::make_root("maker", crypto::signature_algorithm::ecdsa_p256_sha256);
    pki::certificate_template contents;
    contents.subject.add("CN", "TPM");
    contents.not_before = test::usual.not_before;
    contents.not_after = pki::no_expiry;
    contents.key_usage = pki::key_agreement;
    const auto certificate = test::issue(maker, contents, spki);
    ASSERT_TRUE(store_certificate(in, attestation::profile_of(ek_kind::p256).certificate_index, certificate.der()));
    const auto all = value_of(endorsement_certificates(in));
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].kind, ek_kind::p256);
    ASSERT_TRUE(certified_endorsement_key(in, all[0]));
    activates(in, ek_kind::p256, certificate.spki());
}

TEST_F(Tpm2, HighRangeKeysOfTheLowCurvesToo) {
    for (const ek_kind kind : {ek_kind::rsa2048_high, ek_kind::p256_high}) {
        const object ek = value_of(create_endorsement_key(in, kind));
        EXPECT_EQ(ek.area().policy, attestation::ek_template(kind).policy);
    }
    EXPECT_TRUE(value_of(endorsement_certificates(in)).empty()) << "no certificate is no error";
}

TEST_F(Tpm2, AnotherTpmCannotOpenTheCredential) {
    const devid_layout at;
    const object iak = value_of(establish(in, iak_template(), at.iak));
    test::named_random random("server");
    const test::swtpm other;
    device_options options;
    options.tcti = other.tcti();
    const auto there = value_of(device::open(options));
    for (const ek_kind kind : {ek_kind::rsa2048, ek_kind::p256, ek_kind::p384_high}) {
        const bytes spki = value_of(value_of(create_endorsement_key(there, kind)).area().spki());
        auto challenge = value_of(credential_challenge::make(spki, iak.area(), random));
        const object ek = value_of(create_endorsement_key(in, kind));
        const auto refused = activate_credential(iak, ek, kind, challenge.sent());
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().name, "tpm_wrong_tpm") << refused.error().message;
        EXPECT_EQ(refused.error().category, error_category::environment);
    }
}

// A key without the DevID policy cannot be activated, and says so instead of failing in the TPM.
TEST_F(Tpm2, OnlyDevidKeysAreActivated) {
    const devid_layout at;
    const object kem = value_of(establish(in, kem_template(), at.kem));
    const object ek = value_of(create_endorsement_key(in, ek_kind::p256));
    test::named_random random("server");
    auto challenge = value_of(credential_challenge::make(value_of(ek.area().spki()), kem.area(), random));
    EXPECT_EQ(name_of_error(activate_credential(kem, ek, ek_kind::p256, challenge.sent())), "tpm_unsupported");
}

}  // namespace

}  // namespace berth::keystore::tpm2

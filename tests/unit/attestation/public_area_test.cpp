#include "attestation/endorsement.h"
#include "attestation/kdf.h"
#include "attestation/public_area.h"
#include "support/test_pki.h"

#include <gtest/gtest.h>

namespace berth::attestation {

namespace {

using test::name_of_error;
using test::value_of;

public_area ecdsa_area() {
    return value_of(public_area_of(test::signature_key("area").public_key()));
}

TEST(PublicArea, ComesBackAsItWent) {
    std::vector<public_area> all{ecdsa_area()};
    for (const ek_kind kind : all_ek_kinds) {
        all.push_back(ek_template(kind));
    }
    public_area sealed;
    sealed.type = tpm_alg::keyedhash;
    sealed.attributes = fixed_tpm | fixed_parent;
    sealed.policy.assign(32, 7);
    sealed.unique.assign(32, 8);
    all.push_back(sealed);
    for (const public_area& area : all) {
        const auto again = public_area::parse(area.encode());
        ASSERT_TRUE(again) << again.error().message;
        EXPECT_EQ(*again, area);
    }
}

TEST(PublicArea, EveryTruncationIsRefused) {
    for (const ek_kind kind : {ek_kind::rsa2048, ek_kind::p384_high}) {
        const bytes octets = ek_template(kind).encode();
        for (size_t size = 0; size < octets.size(); ++size) {
            EXPECT_FALSE(public_area::parse(bytes_view(octets).first(size))) << size;
        }
        bytes longer = octets;
        longer.push_back(0);
        EXPECT_EQ(name_of_error(public_area::parse(longer)), "tpm_structure_malformed");
    }
}

TEST(PublicArea, WhatDoesNotOccurHereIsNamed) {
    const auto refused = [](void (*change)(public_area&)) {
        public_area area = ecdsa_area();
        change(area);
        return name_of_error(public_area::parse(area.encode()));
    };
    EXPECT_EQ(refused([](public_area& a) { a.name_alg = tpm_alg::sha1; }), "tpm_unsupported");
    EXPECT_EQ(refused([](public_area& a) { a.type = static_cast<tpm_alg>(0x25); }), "tpm_unsupported");
    EXPECT_EQ(refused([](public_area& a) { a.curve = static_cast<tpm_curve>(0x20); }), "tpm_unsupported");
}

// TPM 2.0 Part 1, 16: every attribute is in the Name.
TEST(PublicArea, NameCoversAttributes) {
    public_area area = ecdsa_area();
    const bytes name = area.name();
    EXPECT_EQ(to_hex(bytes_view(name).first(2)), "000b");
    EXPECT_EQ(name.size(), 34U);
    area.attributes |= no_da;
    EXPECT_NE(area.name(), name);
}

TEST(PublicArea, SubjectPublicKeyInfo) {
    for (const auto alg : {crypto::signature_algorithm::ecdsa_p256_sha256, crypto::signature_algorithm::ecdsa_p384_sha384}) {
        const auto key = test::signature_key("spki", alg).public_key();
        const public_area area = value_of(public_area_of(key));
        EXPECT_EQ(value_of(area.verification_key()), key);
        // Some TPMs leave leading zeros of a coordinate out.
        public_area cut = area;
        cut.x = {5};
        public_area padded = area;
        padded.x.assign(field_size(area.curve), 0);
        padded.x.back() = 5;
        EXPECT_EQ(value_of(cut.spki()), value_of(padded.spki()));
    }
    EXPECT_EQ(name_of_error(public_area_of(test::signature_key("spki", crypto::signature_algorithm::mldsa44).public_key())),
              "tpm_unsupported");
    EXPECT_EQ(name_of_error(ek_template(ek_kind::p384_high).spki()), "tpm_unsupported") << "a template has no key yet";
    EXPECT_EQ(name_of_error(ek_template(ek_kind::rsa2048).verification_key()), "tpm_unsupported");
}

TEST(EndorsementKey, FromItsCertificatesKey) {
    const auto key = test::signature_key("ek").public_key();
    const public_area area = value_of(ek_from_spki(key.spki()));
    EXPECT_EQ(area.aes_bits, 128);
    EXPECT_EQ(value_of(area.spki()), to_bytes(key.spki()));
    const auto p384 = test::signature_key("ek", crypto::signature_algorithm::ecdsa_p384_sha384).public_key();
    EXPECT_EQ(value_of(ek_from_spki(p384.spki())).name_alg, tpm_alg::sha384);

    public_area rsa = ek_template(ek_kind::rsa2048);
    rsa.unique.assign(256, 0xc5);
    const bytes spki = value_of(rsa.spki());
    EXPECT_EQ(value_of(ek_from_spki(spki)), rsa);
    bytes other_exponent = spki;
    other_exponent.back() = 3;
    EXPECT_EQ(name_of_error(ek_from_spki(other_exponent)), "tpm_unsupported");
    EXPECT_EQ(name_of_error(ek_from_spki(test::signature_key("ek", crypto::signature_algorithm::mldsa65).public_key().spki())),
              "tpm_unsupported");
    EXPECT_EQ(name_of_error(ek_from_spki(as_bytes("key"))), "bad_public_key");
}

// Against an independent implementation (Python's hashlib and hmac, written from Part 1, 11.4.10).
TEST(Kdf, KnownAnswers) {
    const bytes key(32, 1);
    const bytes u(34, 2);
    const bytes v(5, 3);
    EXPECT_EQ(to_hex(kdf_a(crypto::hash_algorithm::sha256, key, "STORAGE", u, v, 40).reveal()),
              "a89ea43cfed61983f75448446bc2c59c9641a61c51df1bbee15fba6d2a27b04c5c3043cc5669765d");
    EXPECT_EQ(to_hex(kdf_e(crypto::hash_algorithm::sha384, key, "IDENTITY", u, v, 60).reveal()),
              "8bcaccb0ae412adf2354e58462b980249f0c00aa59d2a00cc68d085c31d9031ca8110f2a2a9b8e664221859910767a2b9537859088ce620f6c"
              "904992");
}

}  // namespace

}  // namespace berth::attestation

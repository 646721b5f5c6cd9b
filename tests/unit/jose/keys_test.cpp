#include "jose_keys.h"

#include "keystore/software.h"

namespace berth::jose {
namespace {

using test::name_of;
using test::new_jwk;

TEST(JoseKeys, EachAlgorithmsKeyIsMadeReadAndWritten) {
    for (const auto alg : all_signature_algs) {
        const auto jwk = new_jwk(jose::name_of(alg));
        const auto key = read_signing_key(jwk);
        ASSERT_TRUE(key) << jose::name_of(alg) << ": " << key.error().message;
        EXPECT_EQ(to_jwk(key->pub), public_jwk(jwk).value());
        EXPECT_EQ(key->pub.kid, std::string(jwk.at("kid").as_string()));
        EXPECT_EQ(read_verification_key(to_jwk(key->pub)).value().kid, key->pub.kid);
        EXPECT_EQ(name_of(read_recipient_key(jwk)), "wrong_key_use");
    }
    for (const auto alg : all_key_algs) {
        const auto jwk = new_jwk(jose::name_of(alg));
        const auto key = read_opening_key(jwk);
        ASSERT_TRUE(key) << jose::name_of(alg) << ": " << key.error().message;
        EXPECT_EQ(key->pub.kid, std::string(jwk.at("kid").as_string()));
        EXPECT_EQ(name_of(read_verification_key(jwk)), "wrong_key_use");
        if (alg == key_alg::dir) {
            EXPECT_EQ(name_of(public_jwk(jwk)), "bad_jwk");
        } else {
            EXPECT_EQ(to_jwk(key->pub), public_jwk(jwk).value());
        }
    }
    for (const auto group : {crypto::agreement_group::p384, crypto::agreement_group::x25519}) {
        EXPECT_TRUE(read_opening_key(new_jwk("ECDH-ES", content_alg::a128gcm, group)));
    }
}

// RFC 7638 3.1 has an RSA key; RFC 8037 A.3 this one.
TEST(JoseKeys, ThumbprintOfRfc8037) {
    EXPECT_EQ(thumbprint({{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}).value(),
              "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    EXPECT_EQ(name_of(thumbprint({{"kty", "RSA"}, {"n", "1"}, {"e", "AQAB"}})), "bad_jwk");
}

TEST(JoseKeys, AKeySaysWhatItIsFor) {
    auto jwk = new_jwk("ES256");
    jwk["use"] = "enc";
    EXPECT_EQ(name_of(read_signing_key(jwk)), "wrong_key_use");
    jwk["use"] = "sig";
    jwk["key_ops"] = {"verify"};
    EXPECT_EQ(name_of(read_signing_key(jwk)), "wrong_key_use");
    EXPECT_TRUE(read_verification_key(jwk));
    jwk["key_ops"] = {"sign", "verify"};
    EXPECT_TRUE(read_signing_key(jwk));
    for (const wire::json::value& bad : {wire::json::value("sign"), wire::json::value(wire::json::array()),
                                         wire::json::value({"sign", "sign"}), wire::json::value({"sign", 1})}) {
        jwk["key_ops"] = bad;
        EXPECT_EQ(name_of(read_signing_key(jwk)), "bad_jwk");
    }
}

TEST(JoseKeys, WhatDoesNotFitIsRefused) {
    const auto changed = [](std::string_view alg, std::string_view member, const auto& to) {
        auto jwk = new_jwk(alg);
        jwk[member] = to;
        if (jwk.at(member).is_null()) {
            jwk.erase(member);
        }
        return jwk;
    };
    // An algorithm of another curve, another kind of key, half a point, a point that is none, a private half of another's.
    for (const auto& jwk :
         {changed("ES256", "crv", "P-384"), changed("ES384", "crv", "P-256"), changed("ES256", "crv", "secp256k1"),
          changed("ES256", "kty", "OKP"), changed("EdDSA", "kty", "EC"), changed("ES256", "y", nullptr),
          changed("ES256", "x", "AAAA"), changed("ES256", "d", new_jwk("ES256", {}, {}, "another").at("d")),
          changed("ES256", "d", wire::base64url(bytes(32))), changed("ES256", "d", wire::base64url(bytes(32, 0xff))),
          changed("ML-DSA-65", "priv", wire::base64url(bytes(32, 1))),
          changed("ML-DSA-65", "priv", wire::base64url(bytes(64, 1))),
          changed("ML-DSA-65", "pub", wire::base64url(bytes(1312, 1))), changed("EdDSA", "d", wire::base64url(bytes(32, 1)))}) {
        EXPECT_THAT(name_of(read_signing_key(jwk)), testing::AnyOf("bad_jwk", "bad_public_key", "bad_private_key"))
            << wire::to_text(jwk).substr(0, 200);
    }
    for (const auto& jwk :
         {changed("ECDH-ES", "y", new_jwk("ECDH-ES").at("x")), changed("ECDH-ES", "crv", "X25519"),
          changed("ECDH-ES", "d", wire::base64url(bytes(32, 1))), changed("dir", "k", "AAAA"), changed("dir", "kid", nullptr),
          changed("HPKE-9", "pub", wire::base64url(bytes(1184, 1))), changed("HPKE-12", "priv", wire::base64url(bytes(32, 1))),
          changed("HPKE-8", "priv", wire::base64url(bytes(32, 1))), changed("HPKE-9", "priv", wire::base64url(bytes(32, 1)))}) {
        EXPECT_THAT(name_of(read_opening_key(jwk)), testing::AnyOf("bad_jwk", "bad_public_key", "bad_private_key"))
            << wire::to_text(jwk).substr(0, 200);
    }
    for (const auto* const alg : {"HS256", "RS256", "none", "ES256K", "ML-KEM-768", "RSA-OAEP", "PBES2-HS256+A128KW", "HPKE-0"}) {
        EXPECT_EQ(name_of(read_signing_key(changed("ES256", "alg", alg))), "algorithm_refused") << alg;
        EXPECT_EQ(name_of(read_opening_key(changed("ECDH-ES", "alg", alg))), "algorithm_refused") << alg;
    }
    EXPECT_EQ(name_of(read_opening_key(changed("ECDH-ES", "enc", "A192GCM"))), "algorithm_refused");
    EXPECT_EQ(name_of(read_signing_key(changed("ML-DSA-65", "alg", nullptr))), "bad_jwk") << "RFC 9964: alg is mandatory";
}

// The numbers mean other suites in other drafts.
TEST(JoseKeys, AnHpkeKeySaysItsDraft) {
    auto jwk = new_jwk("HPKE-9");
    EXPECT_EQ(std::string(jwk.at("draft").as_string()), hpke_pq_draft);
    jwk["draft"] = "draft-ietf-jose-hpke-pq-pqt-00";
    EXPECT_EQ(name_of(read_recipient_key(jwk)), "bad_jwk");
    jwk.erase("draft");
    EXPECT_EQ(name_of(read_recipient_key(jwk)), "bad_jwk");
}

TEST(JoseKeys, KeysThatLieElsewhere) {
    test::named_random random("elsewhere");
    for (const auto alg : crypto::all_kem_algorithms) {
        const auto key = opening_key_of(keystore::software_kem_key(crypto::kem_private_key::generate(alg, random)));
        ASSERT_TRUE(key);
        EXPECT_TRUE(read_recipient_key(to_jwk(key->pub))) << crypto::name_of(alg);
    }
    for (const auto alg : crypto::all_signature_algorithms) {
        const auto key = signing_key_of(keystore::software_signing_key(crypto::signing_key::generate(alg, random)));
        ASSERT_TRUE(key);
        EXPECT_EQ(read_verification_key(to_jwk(key->pub)).value().kid, key->pub.kid);
    }
    EXPECT_EQ(name_of(shared_key_of(secret_bytes(16), content_alg::a256gcm, "k")), "bad_jwk");
    EXPECT_TRUE(shared_key_of(secret_bytes(32), content_alg::a256gcm, "k"));
    for (const auto& kid : {std::string(), std::string(129, 'k')}) {
        EXPECT_EQ(name_of(shared_key_of(secret_bytes(32), content_alg::a256gcm, kid)), "bad_jwk") << "no token could name it";
    }
}

}  // namespace
}  // namespace berth::jose

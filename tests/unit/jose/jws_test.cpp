#include "jose_keys.h"

#include "jose/jws.h"

namespace berth::jose {
namespace {

using test::name_of;
using test::new_signer;
using test::part_of;
using test::with_header;
using test::with_part;

TEST(Jws, WhatIsSignedIsVerified) {
    for (const auto alg : all_signature_algs) {
        const auto key = new_signer(jose::name_of(alg));
        const auto token = sign(key, as_bytes("reading"), {{"typ", "report+jwt"}});
        ASSERT_TRUE(token);
        const auto proven = verify(key.pub, *token);
        ASSERT_TRUE(proven) << jose::name_of(alg) << ": " << proven.error().message;
        EXPECT_EQ(as_text(proven->payload()), "reading");
        EXPECT_EQ(proven->signer(), key.pub.kid);
        EXPECT_EQ(proven->head().typ, "report+jwt");
        const auto other = new_signer(jose::name_of(alg), "another");
        EXPECT_EQ(name_of(verify(other.pub, *token)), "wrong_key");
        EXPECT_EQ(name_of(verify(other.pub, with_header(*token, R"({"alg":")" + std::string(jose::name_of(alg)) + "\"}"))),
                  "bad_signature");
    }
}

// RFC 7515 A.3.
TEST(Jws, Es256OfRfc7515) {
    const auto key = read_verification_key({{"kty", "EC"},
                                            {"crv", "P-256"},
                                            {"x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"},
                                            {"y", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}});
    ASSERT_TRUE(key) << key.error().message;
    const std::string token =
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    EXPECT_TRUE(verify(*key, token));
    EXPECT_EQ(name_of(verify(*key, with_part(token, 1, "e30"))), "bad_signature");
}

// RFC 8037 A.4, A.5.
TEST(Jws, Ed25519OfRfc8037) {
    const auto key = read_signing_key({{"kty", "OKP"},
                                       {"crv", "Ed25519"},
                                       {"d", "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"},
                                       {"x", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}});
    ASSERT_TRUE(key) << key.error().message;
    EXPECT_TRUE(verify(key->pub, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
                                 "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"));
}

TEST(Jws, TheAlgorithmIsTheKeys) {
    const auto key = new_signer("ES256");
    const auto token = sign(key, as_bytes("x")).value();
    for (const auto* const alg : {"none", "None", "NONE", "HS256", "ES384", "RS256", "es256", "ML-DSA-65"}) {
        const auto other = with_header(token, R"({"alg":")" + std::string(alg) + "\"}");
        EXPECT_EQ(name_of(verify(key.pub, other)), "algorithm_mismatch") << alg;
        EXPECT_EQ(name_of(verify(key.pub, with_part(other, 2, ""))), "algorithm_mismatch") << alg;
    }
    EXPECT_EQ(name_of(verify(key.pub, with_part(token, 2, ""))), "bad_signature");
}

// ES256: R || S of 64 octets, neither zero nor beyond the order, no DER ("psychic signatures", CVE-2022-21449).
TEST(Jws, SignaturesOfOtherForms) {
    const auto key = new_signer("ES256");
    const auto token = sign(key, as_bytes("x")).value();
    const bytes order = from_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551").value();
    const bytes good = wire::from_base64url(part_of(token, 2)).value();
    const bytes_view r = bytes_view(good).first(32), s = bytes_view(good).subspan(32);
    const bytes zero(32);
    for (const bytes& bad : {concat({zero, zero}), concat({r, zero}), concat({zero, s}), concat({r, order}), concat({order, s}),
                             concat({r, s, bytes(1)}), to_bytes(bytes_view(good).first(63)), bytes(), concat({s, r}),
                             crypto::ecdsa_raw_to_der(crypto::signature_algorithm::ecdsa_p256_sha256, good).value()}) {
        EXPECT_EQ(name_of(verify(key.pub, with_part(token, 2, wire::base64url(bad)))), "bad_signature");
    }
}

}  // namespace
}  // namespace berth::jose

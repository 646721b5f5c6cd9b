// What nobody who follows the specifications sends: headers, serialisations and ephemeral keys that other libraries have been
// taken in by.
#include "jose_keys.h"

#include "jose/jwe.h"
#include "jose/jws.h"

namespace berth::jose {
namespace {

using test::name_of;
using test::new_opener;
using test::new_signer;
using test::with_header;
using test::with_part;

struct bad_header {
    std::string members, refused_as;
};

const std::vector<bad_header>& bad_headers() {
    static const std::vector<bad_header> all{
        {R"("crit":["exp"],"exp":1)", "critical_header"},
        {R"("crit":[])", "critical_header"},
        {R"("crit":["alg"])", "critical_header"},
        {R"("crit":"exp")", "critical_header"},
        {R"("crit":["b64"],"b64":false)", "critical_header"},
        {R"("b64":false)", "critical_header"},
        {R"("zip":"DEF")", "compressed"},
        {R"("alg":"none")", "malformed"},  // a second time
        {R"("kid":1)", "malformed"},
        {R"("kid":"")", "malformed"},
        {R"("kid":")" + std::string(most_kid + 1, 'k') + "\"", "malformed"},
        {R"("kid":"../../etc/passwd")", "wrong_key"},
        {R"("kid":"' OR 1=1 --")", "wrong_key"},
        {R"("typ":{})", "malformed"},
        {R"("cty":["JWT"])", "malformed"},
        {R"("x":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]])", "malformed"},
        {"\"x\":\"\xff\"", "malformed"},
        {R"("x":"\ud800")", "malformed"},
        {R"("x":1} {)", "malformed"},
        {R"("x":1e400)", "malformed"},
    };
    return all;
}

TEST(JoseNegative, HeadersOfSignedTokens) {
    const auto key = new_signer();
    const auto token = sign(key, as_bytes("x")).value();
    for (const auto& [members, name] : bad_headers()) {
        EXPECT_EQ(name_of(verify(key.pub, with_header(token, R"({"alg":"ES256",)" + members + "}"))), name) << members;
    }
    // What is not looked at: whoever signed it is known already. The signature is of another header, and that is all.
    for (const auto* const members : {R"("jku":"https://evil.example/keys")", R"("x5u":"https://evil.example/c.pem")",
                                      R"("jwk":{"kty":"EC","crv":"P-256","x":"AA","y":"AA"})", R"("x5c":["MIIB"])"}) {
        EXPECT_EQ(name_of(verify(key.pub, with_header(token, R"({"alg":"ES256",)" + std::string(members) + "}"))),
                  "bad_signature");
    }
    for (const auto* const header : {"", "{}", "[]", "null", "\"ES256\"", R"({"alg":1})", R"({"alg":""})", R"({"ALG":"ES256"})",
                                     "\xef\xbb\xbf{\"alg\":\"ES256\"}"}) {
        EXPECT_EQ(name_of(verify(key.pub, with_header(token, header))), "malformed") << header;
    }
    EXPECT_EQ(name_of(verify(key.pub, with_header(token, R"({"alg":"ES256","x":")" + std::string(most_header, 'a') + "\"}"))),
              "token_too_large");
}

TEST(JoseNegative, HeadersOfSealedTokens) {
    test::named_random random("negative");
    for (const auto* const alg : {"ECDH-ES", "HPKE-9", "dir"}) {
        const auto key = new_opener(alg);
        const auto token = seal(key.pub, as_bytes("x"), {}, {}, random).value();
        const std::string start = R"({"alg":")" + std::string(alg) + (is_hpke(key.pub.alg) ? "\"," : R"(","enc":"A256GCM",)");
        for (const auto& [members, name] : bad_headers()) {
            EXPECT_EQ(name_of(open(key, with_header(token, start + members + "}"), {})), name) << alg << " " << members;
        }
        for (const auto* const other : {R"({"alg":"none"})", R"({"alg":"RSA1_5","enc":"A256GCM"})",
                                        R"({"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2c":2147483647,"p2s":"AAAA"})",
                                        R"({"alg":"A256KW","enc":"A256GCM"})", R"({"alg":"ECDH-ES","enc":"A128GCM"})",
                                        R"({"alg":"ECDH-ES"})", R"({"alg":"HPKE-10"})", R"({"alg":"dir","enc":"A192GCM"})"}) {
            EXPECT_EQ(name_of(open(key, with_header(token, other), {})), "algorithm_mismatch") << alg << " " << other;
        }
    }
}

// Of HPKE's integrated mode: what belongs to the other modes.
TEST(JoseNegative, HpkeHasNoEncAndNoEk) {
    test::named_random random("hpke");
    const auto key = new_opener("HPKE-9");
    const auto token = seal(key.pub, as_bytes("x"), {}, {}, random).value();
    for (const auto* const members : {R"("enc":"A256GCM")", R"("ek":"AAAA")", R"("psk_id":"AAAA")"}) {
        EXPECT_EQ(name_of(open(key, with_header(token, R"({"alg":"HPKE-9",)" + std::string(members) + "}"), {})), "malformed");
    }
    EXPECT_EQ(name_of(open(key, with_header(token, R"({"alg":"HPKE-9"})"), {})), "decryption_failed");
}

TEST(JoseNegative, EphemeralKeys) {
    test::named_random random("epk");
    const auto key = new_opener("ECDH-ES");
    const auto token = seal(key.pub, as_bytes("x"), {}, {}, random).value();
    const auto own = to_jwk(key.pub);
    const std::string x(own.at("x").as_string()), y(own.at("y").as_string());
    const std::string zeros = wire::base64url(bytes(32)), ones = wire::base64url(bytes(32, 0xff));
    for (const std::string& epk :
         {std::string("1"), std::string("{}"), R"({"kty":"EC","crv":"P-256"})" + std::string(),
          R"({"kty":"EC","crv":"P-256","x":")" + x + "\"}", R"({"kty":"EC","crv":"P-256","x":")" + x + R"(","y":")" + x + "\"}",
          R"({"kty":"EC","crv":"P-256","x":")" + zeros + R"(","y":")" + zeros + "\"}",
          R"({"kty":"EC","crv":"P-256","x":")" + ones + R"(","y":")" + ones + "\"}",
          R"({"kty":"EC","crv":"P-384","x":")" + x + R"(","y":")" + y + "\"}",
          R"({"kty":"EC","crv":"secp256k1","x":")" + x + R"(","y":")" + y + "\"}",
          R"({"kty":"OKP","crv":"X25519","x":")" + zeros + "\"}",
          R"({"kty":"OKP","crv":"P-256","x":")" + x + R"(","y":")" + y + "\"}",
          R"({"kty":"EC","crv":"P-256","x":"AA)" + x + R"(","y":")" + y + "\"}",
          R"({"kty":"EC","crv":"P-256","x":")" + x + R"(","y":")" + y + R"(","d":")" + ones + "\"}"}) {
        EXPECT_EQ(name_of(open(key, with_header(token, R"({"alg":"ECDH-ES","enc":"A256GCM","epk":)" + epk + "}"), {})),
                  "decryption_failed")
            << epk;
    }
    EXPECT_EQ(name_of(open(key, with_header(token, R"({"alg":"ECDH-ES","enc":"A256GCM"})"), {})), "decryption_failed");
    for (const auto* const party : {R"("apu":1)", R"("apv":"=")", R"("apu":"")"}) {
        EXPECT_EQ(name_of(open(key, with_header(token, R"({"alg":"ECDH-ES","enc":"A256GCM",)" + std::string(party) + "}"), {})),
                  "decryption_failed");
    }
    // X25519: a point of small order makes what is agreed on all zeros (RFC 7748 6.1).
    const auto x_key = read_opening_key(test::new_jwk("ECDH-ES", content_alg::a256gcm, crypto::agreement_group::x25519)).value();
    for (const auto& point : {bytes(32), [] {
                                  bytes one(32);
                                  one[0] = 1;
                                  return one;
                              }()}) {
        const auto epk = R"({"kty":"OKP","crv":"X25519","x":")" + wire::base64url(point) + "\"}";
        EXPECT_EQ(name_of(open(x_key, with_header(token, R"({"alg":"ECDH-ES","enc":"A256GCM","epk":)" + epk + "}"), {})),
                  "decryption_failed");
    }
}

TEST(JoseNegative, Serialisations) {
    const auto key = new_signer();
    const auto token = sign(key, as_bytes("x")).value();
    for (const std::string& other :
         {std::string(), std::string("."), std::string(".."), "." + token, token + ".", token + "..", token + "\n", " " + token,
          token + "=", std::string(R"({"payload":"eA","signatures":[{"protected":"e30","signature":""}]})"),
          with_part(token, 1, test::part_of(token, 1) + "="), with_part(token, 2, test::part_of(token, 2) + "!"),
          test::part_of(token, 0) + "." + test::part_of(token, 1)}) {
        EXPECT_EQ(name_of(verify(key.pub, other)), "malformed") << other;
    }
    EXPECT_EQ(name_of(verify(key.pub, token + std::string(most_token, 'A'))), "token_too_large");
    EXPECT_EQ(name_of(verify(key.pub, with_part(token, 1, ""))), "bad_signature");
    EXPECT_EQ(name_of(kind_of("a.b.c.d")), "malformed");
    EXPECT_EQ(kind_of(token).value(), token_kind::signed_only);
    EXPECT_EQ(kind_of("....").value(), token_kind::encrypted);
    const auto sealed_for = new_opener();
    EXPECT_EQ(name_of(open(sealed_for, token, {})), "malformed") << "signed, where sealed is asked for";
}

}  // namespace
}  // namespace berth::jose

// The examples of RFC 9964 (cose-wg/draft-ietf-cose-dilithium, examples/jose).
#include "jose/jws.h"
#include "support/vectors.h"

namespace berth::jose {
namespace {

class MlDsaJose : public testing::TestWithParam<const char*> {};

TEST_P(MlDsaJose, KeyThumbprintAndToken) {
    BERTH_JSON_VECTORS(v, std::string("jose-ml-dsa/ML_DSA_") + GetParam() + ".jose.json");
    auto jwk = v.at("jwk").as_object();
    const auto key = read_verification_key(jwk);
    ASSERT_TRUE(key) << key.error().message;
    EXPECT_EQ(key->kid, test::text(jwk.at("kid")));
    const auto proven = verify(*key, test::text(v.at("jws")));
    ASSERT_TRUE(proven) << proven.error().message;
    EXPECT_EQ(to_hex(test::hex(v.at("raw_public_key"))), to_hex(std::get<crypto::verification_key>(key->key).raw()));
    jwk["priv"] = wire::base64url(test::hex(v.at("priv")));
    const auto own = read_signing_key(jwk);
    ASSERT_TRUE(own) << own.error().message;
    EXPECT_TRUE(verify(own->pub, sign(*own, as_bytes("x")).value()));
}

INSTANTIATE_TEST_SUITE_P(All, MlDsaJose, testing::Values("44", "65", "87"));

}  // namespace
}  // namespace berth::jose

// The examples of draft-ietf-jose-hpke-pq-pqt (examples/jose-vectors.json of its repository), which lie beside the other vectors where
// somebody has put them.
#include "jose/jwe.h"
#include "support/vectors.h"

namespace berth::jose {
namespace {

TEST(HpkeExamples, AreOpened) {
    BERTH_JSON_VECTORS(all, "jose-hpke-pq-pqt/jose-vectors.json");
    int opened_ones = 0;
    for (const auto& v : all.as_array()) {
        const auto alg = key_alg_from(test::text(v.at("alg")));
        if (!alg) {
            continue;  // key encryption: not taken
        }
        SCOPED_TRACE(name_of(*alg));
        auto jwk = v.at("jwk").as_object();
        jwk["draft"] = hpke_pq_draft;
        const auto key = read_opening_key(jwk);
        ASSERT_TRUE(key) << key.error().message;
        EXPECT_EQ(key->pub.kid, test::text(jwk.at("kid")));
        const auto plain = open(*key, test::text(v.at("compact")), {});
        ASSERT_TRUE(plain) << plain.error().message;
        EXPECT_TRUE(as_text(plain->plaintext).starts_with("You can trust us to stick with you"));  // RFC 7520 5
        ++opened_ones;
    }
    EXPECT_EQ(opened_ones, 5);
}

}  // namespace
}  // namespace berth::jose

// Wycheproof's JOSE files: what is invalid is refused, each of them; what is valid is taken, unless its algorithm is one that we
// refuse by its name.
#include "jose/jwe.h"
#include "jose/jws.h"
#include "support/vectors.h"

#include <set>

namespace berth::jose {
namespace {

using test::text;
namespace json = wire::json;

struct count {
    int taken = 0, refused = 0, by_name = 0;
};

TEST(WycheproofJose, Signatures) {
    BERTH_JSON_VECTORS(all, "wycheproof/json_web_signature_test.json");
    count seen;
    for (const auto& group : all.at("testGroups").as_array()) {
        const auto* const pub = group.as_object().if_contains("public");
        const auto& jwk = (pub != nullptr ? *pub : group.at("private")).as_object();
        auto named = jwk;
        named.erase("kid");
        const auto key = read_verification_key(named);
        for (const auto& t : group.at("tests").as_array()) {
            SCOPED_TRACE(t.at("tcId").as_int64());
            SCOPED_TRACE(text(t.at("comment")));
            const bool valid = text(t.at("result")) == "valid";
            if (!key) {
                // Wycheproof holds keys with "use": "enc" of algorithms that we would take to be refused as well.
                EXPECT_TRUE(key.error().is("algorithm_refused") || key.error().is("bad_jwk") || key.error().is("wrong_key_use") ||
                            key.error().is("bad_public_key"))
                    << key.error().name;
                EXPECT_TRUE(!valid || key.error().is("algorithm_refused")) << key.error().message;
                ++(valid ? seen.by_name : seen.refused);
                continue;
            }
            // Its keys' names are the file's own, and ours are thumbprints: the record that the kid would have found is this one.
            auto own = *key;
            if (jwk.contains("kid")) {
                own.kid = text(jwk.at("kid"));
            }
            const auto got = verify(own, text(t.at("jws")));
            EXPECT_EQ(got.has_value(), valid) << (got ? "accepted" : got.error().message);
            ++(got ? seen.taken : seen.refused);
        }
    }
    EXPECT_GE(seen.taken, 2);
    EXPECT_GE(seen.refused, 355);
    EXPECT_GT(seen.by_name, 30);
}

TEST(WycheproofJose, Encryption) {
    BERTH_JSON_VECTORS(all, "wycheproof/json_web_encryption_test.json");
    const std::set<std::string> refused_by_name{"algorithm_refused", "algorithm_mismatch", "compressed"};
    count seen;
    for (const auto& group : all.at("testGroups").as_array()) {
        for (const auto& t : group.at("tests").as_array()) {
            SCOPED_TRACE(t.at("tcId").as_int64());
            SCOPED_TRACE(text(t.at("comment")));
            const bool valid = text(t.at("result")) == "valid";
            auto jwk = group.at("private").as_object();
            const auto name = jwk.contains("kid") ? text(jwk.at("kid")) : "";
            if (const auto* const enc = t.as_object().if_contains("enc")) {
                jwk["enc"] = *enc;
            }
            if (jwk.at("kty") == "oct" && content_alg_from(text(jwk.at("alg")))) {
                jwk["alg"] = "dir";  // RFC 7520 5.6: the file writes the content's algorithm
            }
            auto key = read_opening_key(jwk);
            std::string refusal;
            if (key) {
                key->pub.kid = name;
                const auto got = open(*key, text(t.at("jwe")), {});
                if (got) {
                    EXPECT_TRUE(valid);
                    EXPECT_EQ(to_hex(got->plaintext), text(t.at("pt")));
                    ++seen.taken;
                    continue;
                }
                refusal = got.error().name;
            } else {
                refusal = key.error().name;
            }
            EXPECT_TRUE(!valid || refused_by_name.contains(refusal)) << refusal;
            ++(valid ? seen.by_name : seen.refused);
        }
    }
    EXPECT_GE(seen.taken, 8);
    EXPECT_GE(seen.refused, 74);
    EXPECT_GT(seen.by_name, 20);
}

// Keys: those that are ours to judge. The others are MACs' and RSA's, refused by their names.
TEST(WycheproofJose, Keys) {
    BERTH_JSON_VECTORS(all, "wycheproof/json_web_key_test.json");
    int refused = 0;
    for (const auto& group : all.at("testGroups").as_array()) {
        const auto* const pub = group.as_object().if_contains("public");
        const auto& jwk = (pub != nullptr ? *pub : group.at("private")).as_object();
        for (const auto& t : group.at("tests").as_array()) {
            SCOPED_TRACE(text(t.at("comment")));
            const auto key = read_verification_key(jwk);
            if (text(t.at("result")) != "valid") {
                auto own = key;
                const bool accepted = own && verify(*own, text(t.at("jws"))).has_value();
                EXPECT_FALSE(accepted);
                ++refused;
            } else if (!key) {
                EXPECT_TRUE(key.error().is("algorithm_refused") || key.error().is("bad_jwk")) << key.error().name;
            }
        }
    }
    EXPECT_GT(refused, 15);
}

}  // namespace
}  // namespace berth::jose

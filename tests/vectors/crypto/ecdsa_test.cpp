// Wycheproof: ECDSA P-256 with SHA-256, signatures as r || s.
#include "crypto/sign.h"
#include "support/vectors.h"

namespace berth::crypto {

namespace {

using test::hex;
using test::text;

TEST(Wycheproof, EcdsaP256FixedLength) {
    BERTH_JSON_VECTORS(all, "wycheproof/ecdsa_secp256r1_sha256_p1363_test.json");
    int valid = 0;
    int invalid = 0;
    for (const auto& group : all.at("testGroups").as_array()) {
        const auto key = verification_key::from_spki(hex(group.at("publicKeyDer")));
        ASSERT_TRUE(key) << key.error().message;
        EXPECT_EQ(to_hex(key->raw()), text(group.at("publicKey").at("uncompressed")));
        for (const auto& t : group.at("tests").as_array()) {
            SCOPED_TRACE(t.at("tcId").as_int64());
            const bool expected = text(t.at("result")) == "valid";
            const auto der = ecdsa_raw_to_der(signature_algorithm::ecdsa_p256_sha256, hex(t.at("sig")));
            bool accepted = false;
            if (der) {
                const auto verified = key->verify(hex(t.at("msg")), *der);
                accepted = verified.has_value();
                if (!accepted) {
                    EXPECT_EQ(verified.error().name, "bad_signature");
                }
                const auto back = ecdsa_der_to_raw(signature_algorithm::ecdsa_p256_sha256, *der);
                ASSERT_TRUE(back);
                EXPECT_EQ(to_hex(*back), text(t.at("sig")));
            } else {
                EXPECT_EQ(der.error().name, "bad_signature");
            }
            EXPECT_EQ(accepted, expected);
            ++(expected ? valid : invalid);
        }
    }
    EXPECT_GT(valid, 100);
    EXPECT_GT(invalid, 50);
}

}  // namespace

}  // namespace berth::crypto

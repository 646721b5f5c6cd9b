// Wycheproof: ML-KEM-768 and the P-256 half of the hybrids.
#include "crypto/curve_openssl.h"
#include "crypto/kem.h"
#include "support/given_random.h"
#include "support/vectors.h"

namespace berth::crypto {

namespace {

using test::hex;
using test::text;

TEST(Wycheproof, MlKem768) {
    BERTH_JSON_VECTORS(all, "wycheproof/mlkem_768_test.json");
    int valid = 0;
    int invalid = 0;
    for (const auto& group : all.at("testGroups").as_array()) {
        for (const auto& t : group.at("tests").as_array()) {
            SCOPED_TRACE(t.at("tcId").as_int64());
            const bool expected = text(t.at("result")) == "valid";
            // Three shapes: a seed and a ciphertext to decapsulate, a message to encapsulate, a public key
            // alone.
            bool accepted = true;
            const auto& fields = t.as_object();
            if (fields.contains("seed") && hex(t.at("seed")).size() != 64) {
                accepted = false;
            } else if (fields.contains("seed")) {
                test::given_random source(hex(t.at("seed")));
                const auto key = kem_private_key::generate(kem_algorithm::mlkem768, source);
                if (fields.contains("ek")) {
                    EXPECT_EQ(to_hex(key.public_key().raw()), text(t.at("ek")));
                }
                const auto secret = key.decapsulate(hex(t.at("c")));
                accepted = secret.has_value();
                if (accepted && expected) {
                    EXPECT_EQ(to_hex(secret->reveal()), text(t.at("K")));
                }
                if (!accepted) {
                    EXPECT_EQ(secret.error().name, "bad_encapsulation");
                }
            } else {
                const auto key = kem_public_key::from_raw(kem_algorithm::mlkem768, hex(t.at("ek")));
                accepted = key.has_value();
                if (!accepted) {
                    EXPECT_EQ(key.error().name, "bad_public_key");
                } else if (fields.contains("m")) {
                    test::given_random source(hex(t.at("m")));
                    const auto made = key->encapsulate(source);
                    EXPECT_EQ(to_hex(made.enc), text(t.at("c")));
                    EXPECT_EQ(to_hex(made.shared_secret.reveal()), text(t.at("K")));
                }
            }
            EXPECT_EQ(accepted, expected);
            ++(expected ? valid : invalid);
        }
    }
    EXPECT_GT(valid, 50);
    EXPECT_GT(invalid, 30);
}

TEST(Wycheproof, EcdhP256) {
    BERTH_JSON_VECTORS(all, "wycheproof/ecdh_secp256r1_ecpoint_test.json");
    int checked = 0;
    for (const auto& group : all.at("testGroups").as_array()) {
        for (const auto& t : group.at("tests").as_array()) {
            SCOPED_TRACE(t.at("tcId").as_int64());
            const ec_point_ptr point = curve::p256().point_from(hex(t.at("public")));
            // "acceptable" are compressed points, which the profile does not allow.
            ASSERT_EQ(point != nullptr, text(t.at("result")) == "valid");
            if (point) {
                bytes scalar = hex(t.at("private"));
                // Wycheproof writes numbers with a sign octet, or with leading zeros left out.
                if (scalar.size() > 32) {
                    scalar.erase(scalar.begin(), scalar.end() - 32);
                }
                scalar.insert(scalar.begin(), 32 - scalar.size(), 0);
                const bn_ptr k = curve::p256().scalar_from(scalar);
                ASSERT_TRUE(k);
                EXPECT_EQ(to_hex(curve::p256().shared_x(point.get(), k.get()).reveal()), text(t.at("shared")));
            }
            ++checked;
        }
    }
    EXPECT_GT(checked, 300);
}

}  // namespace

}  // namespace berth::crypto

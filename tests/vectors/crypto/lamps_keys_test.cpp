// Example keys of RFC 9881 (ML-DSA) and RFC 9935 (ML-KEM), among them inconsistent ones that must be refused.
#include "crypto/kem.h"
#include "crypto/sign.h"
#include "support/vectors.h"
#include "wire/pem.h"

namespace berth::crypto {

namespace {

secret_bytes pem_content(const std::string& file, std::string_view label) {
    const auto text = test::vector_text(file);
    EXPECT_TRUE(text) << file;
    const auto blocks = wire::from_pem(text.value_or(""));
    if (!blocks || blocks->size() != 1 || blocks->front().label != label) {
        ADD_FAILURE() << file << " is not one " << label;
        return {};
    }
    return blocks->front().der;
}

bool installed() {
    return test::vector_text("ml-kem-certificates/ML-KEM-768.pub").has_value();
}

#define BERTH_NEEDS_LAMPS_KEYS()                                                       \
    if (!installed()) {                                                                \
        GTEST_SKIP() << "ml-kem-certificates not found below " << test::vectors_dir(); \
    }

TEST(LampsKeys, EveryFormOfAnMlKemKeyIsTheSameKey) {
    BERTH_NEEDS_LAMPS_KEYS();
    for (const std::string name : {"ML-KEM-768", "ML-KEM-1024"}) {
        SCOPED_TRACE(name);
        const auto pub = kem_public_key::from_spki(pem_content("ml-kem-certificates/" + name + ".pub", "PUBLIC KEY").reveal());
        ASSERT_TRUE(pub) << pub.error().message;
        for (const std::string form : {"seed", "both", "expanded"}) {
            SCOPED_TRACE(form);
            const secret_bytes der = pem_content("ml-kem-certificates/" + name + "-" + form + ".priv", "PRIVATE KEY");
            const auto key = kem_private_key::from_pkcs8(der.reveal());
            ASSERT_TRUE(key) << key.error().message;
            EXPECT_EQ(key->public_key(), *pub);
            const auto again = key->to_pkcs8();
            if (form == "expanded") {
                ASSERT_FALSE(again);
                EXPECT_EQ(again.error().name, "key_has_no_seed");
            } else {
                ASSERT_TRUE(again);
                EXPECT_EQ(to_hex(again->reveal()),
                          to_hex(pem_content("ml-kem-certificates/" + name + "-seed.priv", "PRIVATE KEY").reveal()));
            }
        }
    }
}

TEST(LampsKeys, EveryFormOfAnMlDsaKeyIsTheSameKey) {
    BERTH_NEEDS_LAMPS_KEYS();
    for (const std::string name : {"ML-DSA-44", "ML-DSA-65", "ML-DSA-87"}) {
        SCOPED_TRACE(name);
        const auto pub = verification_key::from_spki(pem_content("ml-dsa-certificates/" + name + ".pub", "PUBLIC KEY").reveal());
        ASSERT_TRUE(pub) << pub.error().message;
        for (const std::string form : {"seed", "both", "expanded"}) {
            SCOPED_TRACE(form);
            const auto key = signing_key::from_pkcs8(
                pem_content("ml-dsa-certificates/" + name + "-" + form + ".priv", "PRIVATE KEY").reveal());
            ASSERT_TRUE(key) << key.error().message;
            EXPECT_EQ(key->public_key(), *pub);
            const auto signature = key->sign(as_bytes("message"));
            ASSERT_TRUE(signature);
            EXPECT_TRUE(pub->verify(as_bytes("message"), *signature));
            const auto again = key->to_pkcs8();
            if (form == "expanded") {
                ASSERT_FALSE(again);
                EXPECT_EQ(again.error().name, "key_has_no_seed");
            } else {
                ASSERT_TRUE(again);
                EXPECT_EQ(to_hex(again->reveal()),
                          to_hex(pem_content("ml-dsa-certificates/" + name + "-seed.priv", "PRIVATE KEY").reveal()));
            }
        }
    }
}

// RFC 9881 6 and RFC 9935 6: a key whose parts contradict each other must be rejected.
TEST(LampsKeys, InconsistentKeysAreRefused) {
    BERTH_NEEDS_LAMPS_KEYS();
    for (const std::string number : {"1", "2", "3"}) {
        SCOPED_TRACE("ML-DSA " + number);
        const auto key =
            signing_key::from_pkcs8(pem_content("ml-dsa-certificates/bad-ML-DSA-44-" + number + ".priv", "PRIVATE KEY").reveal());
        ASSERT_FALSE(key);
        EXPECT_EQ(key.error().name, "bad_private_key");
    }
    // ML-KEM-512 is not ours at all, so the published bad keys are refused for their algorithm first.
    for (const std::string number : {"1", "2", "3", "4"}) {
        SCOPED_TRACE("ML-KEM " + number);
        const auto key = kem_private_key::from_pkcs8(
            pem_content("ml-kem-certificates/bad-ML-KEM-512-" + number + ".priv", "PRIVATE KEY").reveal());
        ASSERT_FALSE(key);
        EXPECT_EQ(key.error().name, "unsupported_key_algorithm");
    }
}

// The same faults as in the published ML-KEM-512 keys, made in the published ML-KEM-768 ones.
TEST(LampsKeys, InconsistentMlKem768KeysAreRefused) {
    BERTH_NEEDS_LAMPS_KEYS();
    const auto refused = [](bytes der, size_t offset_from_end) {
        der.at(der.size() - offset_from_end) ^= 1;
        const auto key = kem_private_key::from_pkcs8(der);
        EXPECT_FALSE(key);
        return key ? std::string() : key.error().name;
    };
    const bytes both = to_bytes(pem_content("ml-kem-certificates/ML-KEM-768-both.priv", "PRIVATE KEY").reveal());
    const bytes expanded = to_bytes(pem_content("ml-kem-certificates/ML-KEM-768-expanded.priv", "PRIVATE KEY").reveal());
    // dk = dk_pke (1152) || ek (1184) || H(ek) (32) || z (32)
    EXPECT_EQ(refused(both, 1), "bad_private_key") << "z does not match the seed";
    EXPECT_EQ(refused(both, 2400), "bad_private_key") << "dk_pke does not match the seed";
    EXPECT_EQ(refused(both, 2400 + 4 + 64), "bad_private_key") << "the seed does not match the rest";
    EXPECT_EQ(refused(expanded, 64), "bad_private_key") << "H(ek) is not the hash of ek";
    EXPECT_EQ(refused(expanded, 64 + 32), "bad_private_key") << "ek does not hash to H(ek)";
}

}  // namespace

}  // namespace berth::crypto

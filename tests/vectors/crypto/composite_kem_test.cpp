// draft-ietf-lamps-pq-composite-kem test vectors: keys, certificates' keys, decapsulation.
#include "crypto/kem.h"
#include "crypto/kem_impl_openssl.h"
#include "support/given_random.h"
#include "support/vectors.h"

namespace berth::crypto {

namespace {

using test::text;
using test::unbase64;

std::optional<kem_algorithm> algorithm_of(std::string_view name) {
    if (name == "id-alg-ml-kem-768") {
        return kem_algorithm::mlkem768;
    }
    if (name == "id-alg-ml-kem-1024") {
        return kem_algorithm::mlkem1024;
    }
    if (name == "id-MLKEM768-ECDH-P256-SHA3-256") {
        return kem_algorithm::mlkem768_p256;
    }
    if (name == "id-MLKEM1024-ECDH-P384-SHA3-256") {
        return kem_algorithm::mlkem1024_p384;
    }
    return std::nullopt;
}

TEST(CompositeKemVectors, DecapsulateAndEncodeTheSameKeys) {
    BERTH_JSON_VECTORS(all, "composite-kem/testvectors.json");
    int checked = 0;
    for (const auto& v : all.at("tests").as_array()) {
        const auto alg = algorithm_of(text(v.at("tcId")));
        if (!alg) {
            continue;
        }
        SCOPED_TRACE(name_of(*alg));
        const bytes pkcs8 = unbase64(v.at("dk_pkcs8"));
        const auto key = kem_private_key::from_pkcs8(pkcs8);
        ASSERT_TRUE(key) << key.error().message;
        EXPECT_EQ(key->algorithm(), *alg);
        EXPECT_EQ(to_bytes(key->public_key().raw()), unbase64(v.at("ek")));

        const auto secret = key->decapsulate(unbase64(v.at("c")));
        ASSERT_TRUE(secret) << secret.error().message;
        EXPECT_EQ(to_bytes(secret->reveal()), unbase64(v.at("k")));

        const auto again = key->to_pkcs8();
        ASSERT_TRUE(again);
        EXPECT_EQ(to_hex(again->reveal()), to_hex(pkcs8));

        const auto from_raw = kem_public_key::from_raw(*alg, unbase64(v.at("ek")));
        ASSERT_TRUE(from_raw);
        // The certificate holds the SubjectPublicKeyInfo octet for octet.
        const bytes certificate = unbase64(v.at("x5c"));
        const bytes_view spki = from_raw->spki();
        EXPECT_NE(std::search(certificate.begin(), certificate.end(), spki.begin(), spki.end()), certificate.end());
        ++checked;
    }
    EXPECT_EQ(checked, 4);
}

}  // namespace

}  // namespace berth::crypto

// hpkewg/hpke-pq test-vectors.json: base mode of the suites that AuthKEM profile 1 uses.
#include "crypto/hpke.h"
#include "support/given_random.h"
#include "support/vectors.h"

#include <openssl/evp.h>

namespace berth::crypto {

namespace {

using test::hex;

// draft-irtf-cfrg-concrete-hybrid-kems: the private key is a 32-octet seed, from which SHAKE256 makes the
// ML-KEM seed and then the candidates for the scalar.
bytes expand_hybrid_seed(bytes_view seed, size_t length) {
    bytes out(length);
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    EXPECT_EQ(EVP_DigestInit_ex(context, EVP_shake256(), nullptr), 1);
    EXPECT_EQ(EVP_DigestUpdate(context, seed.data(), seed.size()), 1);
    EXPECT_EQ(EVP_DigestFinalXOF(context, out.data(), out.size()), 1);
    EVP_MD_CTX_free(context);
    return out;
}

kem_private_key recipient(kem_algorithm alg, bytes_view sk) {
    const bytes seed = sizes_of(alg).scalar == 0 ? to_bytes(sk) : expand_hybrid_seed(sk, 64 + 192);
    test::given_random source(seed);
    return kem_private_key::generate(alg, source);
}

TEST(HpkePqVectors, KeyAndEncapsulationAndSealAndExport) {
    BERTH_JSON_VECTORS(all, "hpke-pq/test-vectors.json");
    int checked = 0;
    for (const auto& v : all.as_array()) {
        const auto kem = kem_algorithm_from_id(static_cast<uint16_t>(v.at("kem_id").as_int64()));
        const auto kdf = v.at("kdf_id").as_int64();
        if (!kem || kdf > 3) {
            continue;
        }
        const hpke_suite suite{*kem, static_cast<hpke_kdf>(kdf), static_cast<aead_algorithm>(v.at("aead_id").as_int64())};
        SCOPED_TRACE(name_of(*kem));
        const kem_private_key sk = recipient(*kem, hex(v.at("skRm")));
        EXPECT_EQ(to_hex(sk.public_key().raw()), test::text(v.at("pkRm")));

        test::given_random source(hex(v.at("ikmE")));
        hpke_sender sender = hpke_setup_sender(suite, sk.public_key(), hex(v.at("info")), source);
        EXPECT_EQ(to_hex(sender.enc), test::text(v.at("enc")));

        const auto ss = sk.decapsulate(sender.enc);
        ASSERT_TRUE(ss);
        EXPECT_EQ(to_hex(ss->reveal()), test::text(v.at("shared_secret")));
        hpke_context receiver = hpke_setup_receiver(suite, ss->reveal(), hex(v.at("info")));

        for (const auto& e : v.at("encryptions").as_array()) {
            const bytes sealed = sender.context.seal(hex(e.at("aad")), hex(e.at("pt")));
            EXPECT_EQ(to_hex(sealed), test::text(e.at("ct")));
            const auto opened = receiver.open(hex(e.at("aad")), sealed);
            ASSERT_TRUE(opened);
            EXPECT_EQ(to_hex(*opened), test::text(e.at("pt")));
        }
        for (const auto& e : v.at("exports").as_array()) {
            const auto length = static_cast<size_t>(e.at("L").as_int64());
            const bytes context = hex(e.at("exporter_context"));
            EXPECT_EQ(to_hex(sender.context.export_secret(context, length).reveal()), test::text(e.at("exported_value")));
            EXPECT_EQ(to_hex(receiver.export_secret(context, length).reveal()), test::text(e.at("exported_value")));
            if (suite == hpke_suite_for(*kem)) {
                EXPECT_EQ(to_hex(hpke_receive_export(*kem, ss->reveal(), hex(v.at("info")), context, length).reveal()),
                          test::text(e.at("exported_value")));
            }
        }
        ++checked;
    }
    EXPECT_EQ(checked, 4);
}

}  // namespace

}  // namespace berth::crypto

// hpkewg/hpke-pq test-vectors.json: what JOSE's post-quantum suites are made of and AuthKEM is not: keys out of seeds, X-Wing,
// and the one-stage key schedule of SHAKE256.
#include "crypto/aead.h"
#include "crypto/hpke_kems.h"
#include "crypto/hpke_once.h"
#include "support/given_random.h"
#include "support/vectors.h"

namespace berth::crypto {
namespace {

using test::hex;
using test::text;

TEST(HpkeSuites, KeysOutOfSeeds) {
    BERTH_JSON_VECTORS(all, "hpke-pq/test-vectors.json");
    int checked = 0;
    for (const auto& v : all.as_array()) {
        const auto id = static_cast<uint16_t>(v.at("kem_id").as_int64());
        const bytes seed = hex(v.at("skRm"));
        if (const auto kem = kem_algorithm_from_id(id)) {
            const auto key = kem_from_hpke_seed(*kem, seed);
            ASSERT_TRUE(key) << key.error().message;
            EXPECT_EQ(to_hex(key->public_key().raw()), text(v.at("pkRm")));
            EXPECT_EQ(to_hex(key->decapsulate(hex(v.at("enc"))).value().reveal()), text(v.at("shared_secret")));
            ++checked;
        } else if (id == x_wing_kem_id) {
            const auto key = x_wing_private_key::from_seed(seed);
            ASSERT_TRUE(key) << key.error().message;
            EXPECT_EQ(to_hex(key->public_key().raw()), text(v.at("pkRm")));
            EXPECT_EQ(to_hex(key->decapsulate(hex(v.at("enc"))).value().reveal()), text(v.at("shared_secret")));
            test::given_random source(hex(v.at("ikmE")));
            const auto made = key->public_key().encapsulate(source);
            ASSERT_TRUE(made);
            EXPECT_EQ(to_hex(made->enc), text(v.at("enc")));
            EXPECT_EQ(to_hex(made->shared_secret.reveal()), text(v.at("shared_secret")));
            ++checked;
        }
    }
    EXPECT_EQ(checked, 8);
}

TEST(HpkeSuites, OneStageSchedule) {
    BERTH_JSON_VECTORS(all, "hpke-pq/test-vectors.json");
    int checked = 0;
    for (const auto& v : all.as_array()) {
        if (v.at("kdf_id").as_int64() != hpke_kdf_shake256) {
            continue;
        }
        const auto aead = static_cast<aead_algorithm>(v.at("aead_id").as_int64());
        const bytes secret = hex(v.at("shared_secret"));
        const auto all_of_it = hpke_one_stage(static_cast<uint16_t>(v.at("kem_id").as_int64()), static_cast<uint16_t>(aead),
                                              aead_key_size(aead), secret, hex(v.at("info")));
        EXPECT_EQ(to_hex(all_of_it.reveal()), text(v.at("key")) + text(v.at("base_nonce")) + text(v.at("exporter_secret")));
        ++checked;
    }
    EXPECT_EQ(checked, 2);
}

}  // namespace
}  // namespace berth::crypto

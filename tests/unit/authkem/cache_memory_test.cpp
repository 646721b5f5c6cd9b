// What the cache of verified chains reckons an entry to cost, against what the heap says; and that its octets are bounded.
#include "authkem/verified_leaf_cache.h"
#include "support/test_pki.h"

#include <gtest/gtest.h>
#include <malloc.h>

namespace berth::authkem {
namespace {

namespace support = berth::test;

// A leaf and its issuing CA, parsed anew each time, as each handshake does.
class parsed_chain {
public:
    explicit parsed_chain(crypto::signature_algorithm algorithm)
        : root_(support::make_root("cache", algorithm)),
          ca_(support::make_issuing_ca(root_, "cache CA", algorithm)),
          leaf_(support::issue(ca_, pki::registrar_kem_template("Test", "R", {"r.example"}, support::usual),
                               support::kem_key("cache").public_key().spki())),
          trust_(support::value_of(pki::trust_store::from_root(root_.certificate))) {}

    [[nodiscard]] verified_leaf_cache::entry verified() const {
        const std::vector<pki::certificate> chain{support::value_of(pki::certificate::parse(leaf_.der())),
                                                  support::value_of(pki::certificate::parse(ca_.certificate.der()))};
        return std::make_shared<const pki::verified_chain>(
            support::value_of(pki::verify_chain(trust_, chain, support::now_as(pki::leaf_rule::kem))));
    }

private:
    support::authority root_;
    support::authority ca_;
    pki::certificate leaf_;
    pki::trust_store trust_;
};

verified_leaf_cache::key numbered(size_t i) {
    verified_leaf_cache::key out{};
    std::memcpy(out.data(), &i, sizeof(i));
    return out;
}

class CacheMemory : public testing::TestWithParam<crypto::signature_algorithm> {};

TEST_P(CacheMemory, IsReckonedAsTheHeapHasIt) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "a sanitizer's heap tells nothing";
#endif
    constexpr size_t entries = 200;
    const parsed_chain chain(GetParam());
    verified_leaf_cache cache(entries);
    cache.insert(numbered(entries), 0, chain.verified(), 0, pki::no_expiry);  // what is allocated once
    const size_t before = mallinfo2().uordblks;
    for (size_t i = 1; i < entries; ++i) {
        cache.insert(numbered(i), 0, chain.verified(), 0, pki::no_expiry);
    }
    const size_t each = (mallinfo2().uordblks - before) / (entries - 1);
    const size_t reckoned = cache.octets() / entries;
    RecordProperty("octets_each", static_cast<int>(each));
    EXPECT_GE(reckoned, each) << "an entry costs more than it is reckoned at";
    EXPECT_LE(reckoned, 2 * each) << "an entry costs far less than it is reckoned at";
}

TEST_P(CacheMemory, IsBoundedInOctets) {
    const parsed_chain chain(GetParam());
    const auto proof = chain.verified();
    const size_t each = verified_leaf_cache::octets_of(*proof);
    verified_leaf_cache cache(1000, 3 * each + each / 2);
    for (size_t i = 0; i < 10; ++i) {
        cache.insert(numbered(i), 0, proof, 0, pki::no_expiry);
    }
    EXPECT_EQ(cache.size(), 3U);
    EXPECT_EQ(cache.octets(), 3 * each);
    EXPECT_EQ(cache.find(numbered(6), support::test_now), nullptr);
    EXPECT_NE(cache.find(numbered(9), support::test_now), nullptr) << "the newest stays";
    cache.insert(numbered(9), 0, proof, 0, pki::no_expiry);
    EXPECT_EQ(cache.octets(), 3 * each) << "the same again is counted once";
    cache.revocation_news();
    EXPECT_EQ(cache.octets(), 0U);
    verified_leaf_cache small(1000, each - 1);
    small.insert(numbered(0), 0, proof, 0, pki::no_expiry);
    EXPECT_EQ(small.size(), 0U) << "what does not fit is not kept";
}

INSTANTIATE_TEST_SUITE_P(Signatures, CacheMemory,
                         testing::Values(crypto::signature_algorithm::mldsa65, crypto::signature_algorithm::ecdsa_p256_sha256));

}  // namespace
}  // namespace berth::authkem

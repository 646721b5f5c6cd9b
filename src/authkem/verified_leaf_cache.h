// Chains that were verified a moment ago, so that a peer that comes again costs a hash and no signature
// verification.
#pragma once

#include "base/clock.h"
#include "pki/verify.h"

#include <array>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace berth::authkem {

// Bounded, by entries and by octets (the entry unused for longest goes first), and thread-safe. An entry is the proof token of
// the verification that made it, and ends at the notAfter of any certificate in its chain. Policies are not cached: they run each
// time.
class verified_leaf_cache {
public:
    // SHA-256 over the chain as sent and over everything that the verification depended on besides the time.
    using key = std::array<uint8_t, 32>;
    using entry = std::shared_ptr<const pki::verified_chain>;

    // Some 800 chains of a leaf and its issuer with ML-DSA-65 signatures, 1 500 with ECDSA.
    static constexpr size_t default_octets = size_t{64} * 1024 * 1024;

    explicit verified_leaf_cache(size_t most_entries, size_t most_octets = default_octets)
        : most_(most_entries), most_octets_(most_octets) {}

    // What keeping a proof costs, reckoned from the sizes of its certificates: a parsed one holds its DER, libcrypto's form
    // with the DER again, and its keys decoded. Held to what the heap says by tests/unit/authkem/cache_memory_test.cpp.
    static size_t octets_of(const pki::verified_chain& proof);

    // The proof kept under `k`, or null: none, or not valid at `now`.
    [[nodiscard]] entry find(const key& k, unix_seconds now);

    // Counts revocation news. Read it before a verification and give it to insert().
    [[nodiscard]] uint64_t generation() const;

    // Keeps a proof from `not_before` to `not_after`. Does nothing when revocation news came after
    // `generation`: the verification may not have seen them.
    void insert(const key& k, uint64_t generation, entry proof, unix_seconds not_before, unix_seconds not_after);

    // To be called when a CRL, a block or a removed trust anchor arrives: everything is forgotten.
    void revocation_news();

    [[nodiscard]] size_t size() const;
    // What the entries cost together.
    [[nodiscard]] size_t octets() const;
    [[nodiscard]] uint64_t hits() const;
    [[nodiscard]] uint64_t misses() const;

private:
    struct item {
        key k;
        entry proof;
        unix_seconds not_before;
        unix_seconds not_after;
        size_t octets;
    };
    void erase(std::list<item>::iterator at);
    // The key is itself a hash.
    struct first_octets {
        size_t operator()(const key& k) const;
    };

    mutable std::mutex mutex_;
    size_t most_;
    size_t most_octets_;
    size_t octets_ = 0;
    uint64_t generation_ = 0;
    uint64_t hits_ = 0;
    uint64_t misses_ = 0;
    std::list<item> items_;  // used last first
    std::unordered_map<key, std::list<item>::iterator, first_octets> index_;
};

}  // namespace berth::authkem

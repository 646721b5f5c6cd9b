// Hash functions, HMAC and a running transcript hash.
//
// Primitive failures (libcrypto cannot hash) leave a program nothing to go on with: they abort with a
// message and are not results. Algorithms are fetched once per process; all functions are thread-safe.
#pragma once

#include "base/bytes.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace berth::crypto {

enum class hash_algorithm : uint8_t { sha256, sha384, sha512, sha3_256 };

// Octets of a digest of `alg`: 32, 48, 64 or 32.
constexpr size_t hash_size(hash_algorithm alg) noexcept {
    switch (alg) {
    case hash_algorithm::sha384: return 48;
    case hash_algorithm::sha512: return 64;
    case hash_algorithm::sha256:
    case hash_algorithm::sha3_256: break;
    }
    return 32;
}

constexpr size_t max_hash_size = 64;

// digest is a hash value held inline: no allocation, and a span wherever octets are wanted.
class digest {
public:
    digest() = default;
    explicit digest(size_t size) noexcept : size_(size) {}

    uint8_t* data() noexcept { return octets_.data(); }
    const uint8_t* data() const noexcept { return octets_.data(); }
    size_t size() const noexcept { return size_; }
    const uint8_t* begin() const noexcept { return data(); }
    const uint8_t* end() const noexcept { return data() + size_; }
    bytes_view view() const noexcept { return {data(), size_}; }
    bytes to_bytes() const { return {begin(), end()}; }

    // Not constant time: for public values. Compare secrets and MACs with crypto::equal().
    friend bool operator==(const digest& a, const digest& b) noexcept { return a.size_ == b.size_ && a.octets_ == b.octets_; }

private:
    std::array<uint8_t, max_hash_size> octets_{};
    size_t size_ = 0;
};

digest hash(hash_algorithm alg, bytes_view data);

// sha256 is hash(hash_algorithm::sha256, data): the one that names, pins and fingerprints use.
inline digest sha256(bytes_view data) {
    return hash(hash_algorithm::sha256, data);
}

// hasher feeds octets piece by piece. A copy is an independent hasher in the same state.
class hasher {
public:
    explicit hasher(hash_algorithm alg);
    hasher(const hasher& other);
    hasher(hasher&& other) noexcept;
    hasher& operator=(const hasher& other);
    hasher& operator=(hasher&& other) noexcept;
    ~hasher();

    hasher& update(bytes_view data);

    // The digest of what was fed so far; feeding may go on. This is the transcript hash of TLS 1.3.
    digest peek() const;

    // The digest of everything fed; the hasher starts again from nothing.
    digest finish();

    hash_algorithm algorithm() const noexcept { return alg_; }
    size_t size() const noexcept { return hash_size(alg_); }

private:
    struct state;
    hash_algorithm alg_;
    std::unique_ptr<state> state_;
};

// HMAC (RFC 2104). An empty key is allowed.
digest hmac(hash_algorithm alg, bytes_view key, bytes_view data);

}  // namespace berth::crypto

#include "crypto/hash.h"

#include "crypto/hash_openssl.h"

#include <openssl/crypto.h>

namespace berth::crypto {

namespace {

constexpr std::array<const char*, 4> names{"SHA2-256", "SHA2-384", "SHA2-512", "SHA3-256"};

size_t index_of(hash_algorithm alg) {
    return static_cast<size_t>(alg);
}

// One context per thread, algorithm and use, so that a short hash costs no allocation.
enum class use : uint8_t { hash, hmac };
EVP_MD_CTX* thread_context(hash_algorithm alg, use what) {
    thread_local std::array<std::array<evp_md_ctx_ptr, names.size()>, 2> all;
    auto& contexts = all[static_cast<size_t>(what)];
    auto& context = contexts[index_of(alg)];
    if (!context) {
        context.reset(must(EVP_MD_CTX_new(), "making a hash context"));
    }
    return context.get();
}

// RFC 2104: B, the octets of a block of the hash.
constexpr size_t block_size(hash_algorithm alg) {
    switch (alg) {
    case hash_algorithm::sha384:
    case hash_algorithm::sha512: return 128;
    case hash_algorithm::sha3_256: return 136;
    case hash_algorithm::sha256: break;
    }
    return 64;
}

}  // namespace

const EVP_MD* evp_md(hash_algorithm alg) {
    static const std::array<EVP_MD*, names.size()> fetched = [] {
        std::array<EVP_MD*, names.size()> all{};
        for (size_t i = 0; i < names.size(); ++i) {
            all[i] = must(EVP_MD_fetch(lib_context(), names[i], default_only), "fetching a hash algorithm");
        }
        return all;
    }();
    return fetched[index_of(alg)];
}

// RFC 2104 2: "HMAC(K, text) = H(K XOR opad, H(K XOR ipad, text))"; keys longer than B octets are hashed first.
hmac_run::hmac_run(hash_algorithm alg, bytes_view key) : alg_(alg), context_(thread_context(alg, use::hmac)) {
    if (key.size() > block_size(alg)) {
        const digest shorter = hash(alg, key);
        std::copy(shorter.begin(), shorter.end(), key_.begin());
    } else {
        std::copy(key.begin(), key.end(), key_.begin());
    }
    restart();
}

hmac_run::~hmac_run() {
    OPENSSL_cleanse(key_.data(), key_.size());
    // The hash context outlives this call; starting it again overwrites what it has absorbed of the key.
    EVP_DigestInit_ex2(context_, nullptr, nullptr);
}

void hmac_run::absorb_key(uint8_t pad) {
    std::array<uint8_t, max_block_size> padded;
    const size_t size = block_size(alg_);
    for (size_t i = 0; i < size; ++i) {
        padded[i] = static_cast<uint8_t>(key_[i] ^ pad);
    }
    must(EVP_DigestInit_ex2(context_, evp_md(alg_), nullptr), "starting HMAC");
    must(EVP_DigestUpdate(context_, padded.data(), size), "keying HMAC");
    OPENSSL_cleanse(padded.data(), size);
}

void hmac_run::restart() {
    constexpr uint8_t ipad = 0x36;
    absorb_key(ipad);
}

void hmac_run::update(bytes_view data) {
    must(EVP_DigestUpdate(context_, data.data(), data.size()), "computing HMAC");
}

void hmac_run::finish(uint8_t* out) {
    constexpr uint8_t opad = 0x5c;
    must(EVP_DigestFinal_ex(context_, out, nullptr), "finishing HMAC");
    absorb_key(opad);
    must(EVP_DigestUpdate(context_, out, hash_size(alg_)), "computing HMAC");
    must(EVP_DigestFinal_ex(context_, out, nullptr), "finishing HMAC");
}

digest hash(hash_algorithm alg, bytes_view data) {
    EVP_MD_CTX* context = thread_context(alg, use::hash);
    digest out(hash_size(alg));
    must(EVP_DigestInit_ex2(context, evp_md(alg), nullptr), "starting a hash");
    must(EVP_DigestUpdate(context, data.data(), data.size()), "hashing");
    must(EVP_DigestFinal_ex(context, out.data(), nullptr), "finishing a hash");
    return out;
}

struct hasher::state {
    evp_md_ctx_ptr context{must(EVP_MD_CTX_new(), "making a hash context")};
};

hasher::hasher(hash_algorithm alg) : alg_(alg), state_(std::make_unique<state>()) {
    must(EVP_DigestInit_ex2(state_->context.get(), evp_md(alg), nullptr), "starting a hash");
}

hasher::hasher(const hasher& other) : alg_(other.alg_), state_(std::make_unique<state>()) {
    must(EVP_MD_CTX_copy_ex(state_->context.get(), other.state_->context.get()), "copying a hash");
}

hasher& hasher::operator=(const hasher& other) {
    if (this != &other) {
        *this = hasher(other);
    }
    return *this;
}

hasher::hasher(hasher&& other) noexcept = default;
hasher& hasher::operator=(hasher&& other) noexcept = default;
hasher::~hasher() = default;

hasher& hasher::update(bytes_view data) {
    must(EVP_DigestUpdate(state_->context.get(), data.data(), data.size()), "hashing");
    return *this;
}

digest hasher::peek() const {
    return hasher(*this).finish();
}

digest hasher::finish() {
    digest out(size());
    must(EVP_DigestFinal_ex(state_->context.get(), out.data(), nullptr), "finishing a hash");
    must(EVP_DigestInit_ex2(state_->context.get(), evp_md(alg_), nullptr), "starting a hash");
    return out;
}

digest hmac(hash_algorithm alg, bytes_view key, bytes_view data) {
    digest out(hash_size(alg));
    hmac_run run(alg, key);
    run.update(data);
    run.finish(out.data());
    return out;
}

}  // namespace berth::crypto

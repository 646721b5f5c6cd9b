#include "crypto/hash.h"

#include "crypto/hash_openssl.h"

#include <cstring>

namespace berth::crypto {

namespace {

constexpr std::array<const char*, 4> names{"SHA2-256", "SHA2-384", "SHA2-512", "SHA3-256"};

size_t index_of(hash_algorithm alg) {
    return static_cast<size_t>(alg);
}

// One context per thread, algorithm and purpose, so that a short message costs no allocation.
using context_array = std::array<evp_md_ctx_ptr, names.size()>;

EVP_MD_CTX* context_in(context_array& contexts, hash_algorithm alg) {
    auto& context = contexts[index_of(alg)];
    if (!context) {
        context.reset(must(EVP_MD_CTX_new(), "making a hash context"));
    }
    return context.get();
}

EVP_MD_CTX* context_for_hash(hash_algorithm alg) {
    thread_local context_array contexts;
    return context_in(contexts, alg);
}

EVP_MD_CTX* context_for_hmac(hash_algorithm alg) {
    thread_local context_array contexts;
    return context_in(contexts, alg);
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

hmac_run::hmac_run(hash_algorithm alg, bytes_view key)
    : alg_(alg), context_(context_for_hmac(alg)), block_size_(static_cast<size_t>(EVP_MD_get_block_size(evp_md(alg)))) {
    if (key.size() > block_size_) {
        digest hashed = hash(alg, key);
        std::copy(hashed.begin(), hashed.end(), key_.begin());
        explicit_bzero(hashed.data(), hashed.size());
    } else {
        std::copy(key.begin(), key.end(), key_.begin());
    }
    restart();
}

hmac_run::~hmac_run() {
    explicit_bzero(key_.data(), key_.size());
    // Starting anew overwrites the state that the last message left.
    EVP_DigestInit_ex2(context_, evp_md(alg_), nullptr);
}

void hmac_run::start_with(uint8_t pad) {
    std::array<uint8_t, std::tuple_size_v<decltype(key_)>> padded;
    for (size_t i = 0; i < block_size_; ++i) {
        padded[i] = static_cast<uint8_t>(key_[i] ^ pad);
    }
    must(EVP_DigestInit_ex2(context_, evp_md(alg_), nullptr), "starting HMAC");
    must(EVP_DigestUpdate(context_, padded.data(), block_size_), "keying HMAC");
    explicit_bzero(padded.data(), padded.size());
}

void hmac_run::restart() {
    start_with(0x36);
}

void hmac_run::update(bytes_view data) {
    must(EVP_DigestUpdate(context_, data.data(), data.size()), "computing HMAC");
}

void hmac_run::finish(uint8_t* out) {
    std::array<uint8_t, max_hash_size> inner;
    must(EVP_DigestFinal_ex(context_, inner.data(), nullptr), "finishing HMAC");
    start_with(0x5c);
    update(bytes_view(inner).first(hash_size(alg_)));
    must(EVP_DigestFinal_ex(context_, out, nullptr), "finishing HMAC");
    explicit_bzero(inner.data(), inner.size());
}

digest hash(hash_algorithm alg, bytes_view data) {
    EVP_MD_CTX* context = context_for_hash(alg);
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

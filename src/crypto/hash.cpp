#include "crypto/hash.h"

#include "crypto/hash_openssl.h"

#include <openssl/core_names.h>

namespace berth::crypto {

namespace {

constexpr std::array<const char*, 4> names{"SHA2-256", "SHA2-384", "SHA2-512", "SHA3-256"};

size_t index_of(hash_algorithm alg) {
    return static_cast<size_t>(alg);
}

// One context per thread and algorithm, so that a short hash costs no allocation.
EVP_MD_CTX* thread_context(hash_algorithm alg) {
    thread_local std::array<evp_md_ctx_ptr, names.size()> contexts;
    auto& context = contexts[index_of(alg)];
    if (!context) {
        context.reset(must(EVP_MD_CTX_new(), "making a hash context"));
    }
    return context.get();
}

EVP_MAC_CTX* new_hmac_context(hash_algorithm alg) {
    static EVP_MAC* const mac = must(EVP_MAC_fetch(lib_context(), "HMAC", default_only), "fetching HMAC");
    EVP_MAC_CTX* context = must(EVP_MAC_CTX_new(mac), "making an HMAC context");
    std::string name = names[index_of(alg)];
    const std::array params{OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.data(), 0),
                            OSSL_PARAM_construct_end()};
    must(EVP_MAC_CTX_set_params(context, params.data()), "choosing HMAC's hash");
    return context;
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

hmac_run::hmac_run(hash_algorithm alg, bytes_view key) : alg_(alg) {
    thread_local std::array<evp_mac_ctx_ptr, names.size()> contexts;
    auto& context = contexts[index_of(alg)];
    if (!context) {
        context.reset(new_hmac_context(alg));
    }
    context_ = context.get();
    // A null key would mean "the key of last time".
    static constexpr uint8_t nothing = 0;
    must(EVP_MAC_init(context_, key.empty() ? &nothing : key.data(), key.size(), nullptr), "keying HMAC");
}

hmac_run::~hmac_run() {
    // The context outlives this call and must not keep the key.
    static constexpr std::array<uint8_t, 1> zero{};
    EVP_MAC_init(context_, zero.data(), zero.size(), nullptr);
}

void hmac_run::restart() {
    must(EVP_MAC_init(context_, nullptr, 0, nullptr), "restarting HMAC");
}

void hmac_run::update(bytes_view data) {
    must(EVP_MAC_update(context_, data.data(), data.size()), "computing HMAC");
}

void hmac_run::finish(uint8_t* out) {
    size_t size = 0;
    must(EVP_MAC_final(context_, out, &size, hash_size(alg_)), "finishing HMAC");
}

digest hash(hash_algorithm alg, bytes_view data) {
    EVP_MD_CTX* context = thread_context(alg);
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

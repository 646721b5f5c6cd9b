#include "crypto/ml_kem_openssl.h"

#include <openssl/core_names.h>
#include <openssl/err.h>

namespace berth::crypto {

namespace {

// libcrypto takes octets through a pointer that is not const, and does not write through it.
OSSL_PARAM octets_param(const char* name, bytes_view data) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<uint8_t*>(data.data()), data.size());
}

evp_pkey_ctx_ptr context_for(EVP_PKEY* key) {
    return evp_pkey_ctx_ptr(must(EVP_PKEY_CTX_new_from_pkey(lib_context(), key, default_only), "making a key context"));
}

}  // namespace

evp_pkey_ptr ml_kem_from_seed(const char* name, bytes_view seed) {
    const evp_pkey_ctx_ptr context(must(EVP_PKEY_CTX_new_from_name(lib_context(), name, default_only), "making a key context"));
    must(EVP_PKEY_keygen_init(context.get()), "starting an ML-KEM key generation");
    const std::array params{octets_param(OSSL_PKEY_PARAM_ML_KEM_SEED, seed), OSSL_PARAM_construct_end()};
    must(EVP_PKEY_CTX_set_params(context.get(), params.data()), "giving an ML-KEM seed");
    EVP_PKEY* key = nullptr;
    must(EVP_PKEY_generate(context.get(), &key), "expanding an ML-KEM seed");
    return evp_pkey_ptr(key);
}

evp_pkey_ptr ml_kem_from_public(const char* name, bytes_view raw) {
    evp_pkey_ptr key(EVP_PKEY_new_raw_public_key_ex(lib_context(), name, default_only, raw.data(), raw.size()));
    if (!key) {
        ERR_clear_error();
    }
    return key;
}

bytes ml_kem_public(const EVP_PKEY* key) {
    size_t size = 0;
    must(EVP_PKEY_get_raw_public_key(key, nullptr, &size), "sizing an ML-KEM public key");
    bytes out(size);
    must(EVP_PKEY_get_raw_public_key(key, out.data(), &size), "reading an ML-KEM public key");
    return out;
}

void ml_kem_encapsulate(EVP_PKEY* key, bytes_view m, std::span<uint8_t> ciphertext, std::span<uint8_t> secret) {
    const evp_pkey_ctx_ptr context = context_for(key);
    const std::array params{octets_param(OSSL_KEM_PARAM_IKME, m), OSSL_PARAM_construct_end()};
    must(EVP_PKEY_encapsulate_init(context.get(), params.data()), "starting an ML-KEM encapsulation");
    size_t ciphertext_size = ciphertext.size();
    size_t secret_size = secret.size();
    must(EVP_PKEY_encapsulate(context.get(), ciphertext.data(), &ciphertext_size, secret.data(), &secret_size),
         "encapsulating with ML-KEM");
}

void ml_kem_decapsulate(EVP_PKEY* key, bytes_view ciphertext, std::span<uint8_t> secret) {
    const evp_pkey_ctx_ptr context = context_for(key);
    must(EVP_PKEY_decapsulate_init(context.get(), nullptr), "starting an ML-KEM decapsulation");
    size_t secret_size = secret.size();
    must(EVP_PKEY_decapsulate(context.get(), secret.data(), &secret_size, ciphertext.data(), ciphertext.size()),
         "decapsulating with ML-KEM");
}

}  // namespace berth::crypto

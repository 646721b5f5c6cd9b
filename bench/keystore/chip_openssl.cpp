#include "crypto/crypto_openssl.h"
#include "keystore/calls.h"

#include <array>

namespace berth::keystore::bench {

using crypto::evp_pkey_ctx_ptr;
using crypto::evp_pkey_ptr;

struct outside_of_chip::impl {
    evp_pkey_ptr ml_kem{EVP_PKEY_Q_keygen(nullptr, nullptr, "ML-KEM-768")};
    bytes ciphertext;
    bytes point;
};

outside_of_chip::outside_of_chip() : impl_(std::make_unique<impl>()) {
    const evp_pkey_ctx_ptr c(EVP_PKEY_CTX_new_from_pkey(nullptr, impl_->ml_kem.get(), nullptr));
    size_t ciphertext = 0;
    size_t secret = 0;
    EVP_PKEY_encapsulate_init(c.get(), nullptr);
    EVP_PKEY_encapsulate(c.get(), nullptr, &ciphertext, nullptr, &secret);
    impl_->ciphertext.resize(ciphertext);
    bytes shared(secret);
    EVP_PKEY_encapsulate(c.get(), impl_->ciphertext.data(), &ciphertext, shared.data(), &secret);

    const evp_pkey_ptr ephemeral(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
    unsigned char* encoded = nullptr;
    const size_t size = EVP_PKEY_get1_encoded_public_key(ephemeral.get(), &encoded);
    impl_->point.assign(encoded, encoded + size);
    OPENSSL_free(encoded);
}

outside_of_chip::~outside_of_chip() = default;

const bytes& outside_of_chip::point() const {
    return impl_->point;
}

bool outside_of_chip::finish(bytes_view x) const {
    const evp_pkey_ctx_ptr c(EVP_PKEY_CTX_new_from_pkey(nullptr, impl_->ml_kem.get(), nullptr));
    std::array<uint8_t, 32> secret{};
    size_t size = secret.size();
    if (EVP_PKEY_decapsulate_init(c.get(), nullptr) != 1 ||
        EVP_PKEY_decapsulate(c.get(), secret.data(), &size, impl_->ciphertext.data(), impl_->ciphertext.size()) != 1) {
        return false;
    }
    const crypto::evp_md_ctx_ptr hash(EVP_MD_CTX_new());
    return EVP_DigestInit_ex(hash.get(), EVP_sha3_256(), nullptr) == 1 &&
           EVP_DigestUpdate(hash.get(), secret.data(), size) == 1 && EVP_DigestUpdate(hash.get(), x.data(), x.size()) == 1 &&
           EVP_DigestUpdate(hash.get(), impl_->point.data(), impl_->point.size()) == 1 &&
           EVP_DigestUpdate(hash.get(), impl_->point.data(), impl_->point.size()) == 1 &&
           EVP_DigestFinal_ex(hash.get(), secret.data(), nullptr) == 1;
}

}  // namespace berth::keystore::bench

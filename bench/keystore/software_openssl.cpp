// Bare libcrypto.
#include "crypto/crypto_openssl.h"
#include "keystore/places.h"

#include <openssl/rand.h>

namespace berth::keystore::bench {

namespace {

using crypto::evp_pkey_ctx_ptr;
using crypto::evp_pkey_ptr;

std::shared_ptr<EVP_PKEY> p256() {
    return {EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), EVP_PKEY_free};
}

call signs() {
    return [key = p256(), message = bytes(random_octets, 1)] {
        const crypto::evp_md_ctx_ptr c(EVP_MD_CTX_new());
        std::array<uint8_t, 80> signature{};
        size_t size = signature.size();
        return EVP_DigestSignInit_ex(c.get(), nullptr, "SHA256", nullptr, nullptr, key.get(), nullptr) == 1 &&
               EVP_DigestSign(c.get(), signature.data(), &size, message.data(), message.size()) == 1;
    };
}

call decapsulates() {
    return [key = p256(), outside = std::make_shared<const outside_of_chip>()] {
        const evp_pkey_ptr peer(EVP_PKEY_new());
        const evp_pkey_ctx_ptr c(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
        std::array<uint8_t, 32> x{};
        size_t size = x.size();
        return EVP_PKEY_copy_parameters(peer.get(), key.get()) == 1 &&
               EVP_PKEY_set1_encoded_public_key(peer.get(), outside->point().data(), outside->point().size()) == 1 &&
               EVP_PKEY_derive_init(c.get()) == 1 && EVP_PKEY_derive_set_peer(c.get(), peer.get()) == 1 &&
               EVP_PKEY_derive(c.get(), x.data(), &size) == 1 && outside->finish(x);
    };
}

call draws() {
    return [] {
        std::array<uint8_t, random_octets> out{};
        return RAND_priv_bytes(out.data(), out.size()) == 1;
    };
}

}  // namespace

std::vector<comparison> software_calls() {
    return {{"software", "sign", berth_signs(in_files), signs},
            {"software", "decapsulate", berth_decapsulates(in_files), decapsulates},
            {"software", "random", berth_draws(in_files), draws}};
}

}  // namespace berth::keystore::bench

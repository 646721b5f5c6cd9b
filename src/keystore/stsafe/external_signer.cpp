#include "keystore/stsafe/external_signer.h"

#include "crypto/sign_impl_openssl.h"

namespace berth::keystore::stsafe {

crypto::signing_key chip_held(const crypto::verification_key& key) {
    EVP_PKEY* const shared = key.get().key.get();
    EVP_PKEY_up_ref(shared);
    return crypto::signing_key(std::make_shared<crypto::signing_key::impl>(
        crypto::signing_key::impl{key, crypto::evp_pkey_ptr(shared), std::nullopt, true}));
}

}  // namespace berth::keystore::stsafe

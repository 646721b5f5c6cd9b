// Internal to the provider: its context, its key objects and its tables.
#pragma once

#include "crypto/kem_impl_openssl.h"

#include <optional>

#include <openssl/core_dispatch.h>

namespace berth::crypto::provider {

// Upcalls to libcrypto that the codecs need.
struct core_functions {
    OSSL_FUNC_BIO_read_ex_fn* read = nullptr;
    OSSL_FUNC_BIO_write_ex_fn* write = nullptr;
};

// Filled by the initialisation, constant afterwards. There is one provider in one library context.
core_functions& core();

// What libcrypto sees as key data. Filled once (by import, load or generation), immutable afterwards.
struct composite_key {
    const kem_traits* traits = nullptr;
    std::optional<kem_public_key> pub;
    std::optional<kem_private_key> priv;
};

// "id-MLKEM768-ECDH-P256-SHA3-256": what libcrypto's tables and decoders call the algorithm.
const char* algorithm_name(kem_algorithm alg) noexcept;

template <class F>
OSSL_DISPATCH entry(int id, F* function) {
    return {id, reinterpret_cast<void (*)()>(function)};
}

// One table per algorithm, each ended by {0, nullptr}.
const OSSL_DISPATCH* key_management(kem_algorithm alg);
const OSSL_DISPATCH* kem_operations();
const OSSL_DISPATCH* spki_decoder(kem_algorithm alg);
const OSSL_DISPATCH* pkcs8_decoder(kem_algorithm alg);
const OSSL_DISPATCH* spki_der_encoder();
const OSSL_DISPATCH* spki_pem_encoder();
const OSSL_DISPATCH* pkcs8_der_encoder();
const OSSL_DISPATCH* pkcs8_pem_encoder();
const OSSL_DISPATCH* text_encoder();

}  // namespace berth::crypto::provider

// Internal: what signature keys are made of, and the way in for keys that libcrypto holds through another
// provider.
#pragma once

#include "crypto/crypto_openssl.h"
#include "crypto/curve_openssl.h"
#include "crypto/hash.h"
#include "crypto/sign.h"

#include <mutex>

namespace berth::crypto {

struct signature_traits {
    signature_algorithm algorithm;
    std::string_view name;
    bytes_view identifier;  // DER AlgorithmIdentifier of the public key
    bytes_view signature;   // DER AlgorithmIdentifier of its signatures
    const char* evp;        // libcrypto's name of the key type
    const curve* (*ec)();   // null for ML-DSA
    const char* digest;     // null for ML-DSA, which takes the message itself
    size_t raw_size;
};

const signature_traits& traits_of(signature_algorithm alg) noexcept;

struct verification_key::impl {
    const signature_traits* traits = nullptr;
    bytes raw;
    bytes spki;
    std::array<uint8_t, 32> spki_sha256{};

    // libcrypto's key. Of a point it is made when somebody asks for it: most keys that are judged verify nothing, and making
    // one costs three times as much as finding that its point is on the curve.
    EVP_PKEY* key() const;
    mutable std::once_flag key_once;
    mutable evp_pkey_ptr made_key;
};

struct signing_key::impl {
    verification_key pub;
    evp_pkey_ptr key;
    std::optional<secret_bytes> seed;  // ML-DSA
    bool in_chip = false;
};

// A key of any provider of lib_context() that can sign; its public half is copied out of it.
// Errors unsupported_key_algorithm, bad_public_key.
result<signing_key> signing_key_from_evp(evp_pkey_ptr key);

}  // namespace berth::crypto

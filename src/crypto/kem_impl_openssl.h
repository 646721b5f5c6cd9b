// Internal: what KEM keys are made of.
#pragma once

#include "crypto/curve_openssl.h"
#include "crypto/kem.h"
#include "crypto/ml_kem_openssl.h"

namespace berth::crypto {

struct kem_traits {
    kem_algorithm algorithm;
    std::string_view name;
    std::string_view oid;
    bytes_view identifier;   // DER AlgorithmIdentifier
    const char* ml_kem;      // libcrypto's name
    const curve* (*ec)();    // null for plain ML-KEM
    std::string_view label;  // of the combiner
    kem_sizes sizes;
    int security_bits;
};

const kem_traits& traits_of(kem_algorithm alg) noexcept;

struct kem_public_key::impl {
    const kem_traits* traits;
    bytes raw;
    bytes spki;
    std::array<uint8_t, 32> spki_sha256;
    evp_pkey_ptr ml_kem;
    ec_point_ptr point;  // hybrids

    bytes_view point_octets() const { return bytes_view(raw).subspan(traits->sizes.ml_kem_public_key); }
};

struct kem_private_key::impl {
    kem_public_key pub;
    evp_pkey_ptr ml_kem;
    std::optional<secret_bytes> seed;  // absent when the key came in expanded form
    bn_ptr scalar;                     // hybrids
};

// kem_public_key::from_spki() of a SubjectPublicKeyInfo that libcrypto has decoded already (null: it has not), as it does
// with every certificate: expanding an ML-KEM key once more costs as much as encapsulating to it. libcrypto's decoder has
// made the same checks.
result<kem_public_key> kem_from_decoded_spki(bytes_view der, EVP_PKEY* decoded);

// For kem_key handles and the provider: m and (hybrids) k already drawn.
kem_encapsulation encapsulate_with(const kem_public_key::impl& key, bytes_view m, const BIGNUM* k);

// The private key of a hybrid's PKCS#8: seed || ECPrivateKey (RFC 5915 with parameters, without public key).
secret_bytes hybrid_private_octets(const kem_private_key::impl& key);
// Error bad_private_key.
result<kem_private_key> hybrid_from_private_octets(const kem_traits& traits, bytes_view octets);

}  // namespace berth::crypto

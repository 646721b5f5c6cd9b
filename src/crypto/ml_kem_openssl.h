// Internal: ML-KEM (FIPS 203) of libcrypto, with its randomness given.
#pragma once

#include "base/secret.h"
#include "crypto/crypto_openssl.h"

namespace berth::crypto {

inline constexpr size_t ml_kem_seed_size = 64;     // d || z
inline constexpr size_t ml_kem_message_size = 32;  // m
inline constexpr size_t ml_kem_secret_size = 32;

// `name` is libcrypto's: "ML-KEM-768", "ML-KEM-1024".
evp_pkey_ptr ml_kem_from_seed(const char* name, bytes_view seed);
// Null when the length is wrong or the FIPS 203 modulus check fails.
evp_pkey_ptr ml_kem_from_public(const char* name, bytes_view raw);
bytes ml_kem_public(const EVP_PKEY* key);

void ml_kem_encapsulate(EVP_PKEY* key, bytes_view m, std::span<uint8_t> ciphertext, std::span<uint8_t> secret);
// The ciphertext has the right length; a wrong one gives the implicit-rejection secret.
void ml_kem_decapsulate(EVP_PKEY* key, bytes_view ciphertext, std::span<uint8_t> secret);

}  // namespace berth::crypto

// Internal: X25519 (RFC 7748) of libcrypto.
#pragma once

#include "crypto/crypto_openssl.h"

namespace berth::crypto {

inline constexpr size_t x25519_size = 32;  // of keys, and of what is agreed

evp_pkey_ptr x25519_private(bytes_view scalar);
void write_x25519_public(const EVP_PKEY* key, std::span<uint8_t> out);
// False for a peer's point of small order, which makes the output all zeros.
bool x25519(EVP_PKEY* own, bytes_view peer, std::span<uint8_t> out);

}  // namespace berth::crypto

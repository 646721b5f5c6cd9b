// Ciphers that a TPM's credential protection asks for, and nothing else of Berth.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/hash.h"

namespace berth::crypto {

// RSA-OAEP (RFC 8017, 7.1), MGF1 with the same hash. Errors `bad_public_key`: no RSA key, or one that cannot encrypt this.
result<bytes> rsa_oaep_encrypt(bytes_view spki, hash_algorithm hash, bytes_view label, bytes_view plain);

// AES in CFB mode, segments of 128 bits. The key has 16 or 32 octets and is used once: the initial value is zero.
bytes aes_cfb_encrypt_once(bytes_view key, bytes_view plain);

}  // namespace berth::crypto

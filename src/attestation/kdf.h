// The key derivations of a TPM (TPM 2.0 Part 1, 11.4.10).
#pragma once

#include "base/secret.h"
#include "crypto/hash.h"

#include <string_view>

namespace berth::attestation {

// KDFa (11.4.10.2): SP 800-108 in counter mode with HMAC. `size` octets.
secret_bytes kdf_a(crypto::hash_algorithm hash, bytes_view key, std::string_view label, bytes_view context_u,
                   bytes_view context_v, size_t size);

// KDFe (11.4.10.3): SP 800-56A's concatenation, over the x-coordinates of an ECDH.
secret_bytes kdf_e(crypto::hash_algorithm hash, bytes_view z, std::string_view label, bytes_view party_u, bytes_view party_v,
                   size_t size);

}  // namespace berth::attestation

// One message of HPKE base mode with the one-stage key schedule of SHAKE256 (draft-ietf-hpke-hpke, kdf_id 0x0011) and
// AES-256-GCM: what JOSE's post-quantum suites are made of. `shared_secret` is the KEM's, so that any handle that can decapsulate
// will do.
#pragma once

#include "base/bytes.h"
#include "base/secret.h"

namespace berth::crypto {

inline constexpr uint16_t hpke_kdf_shake256 = 0x0011;

// ciphertext || tag.
bytes hpke_seal_once(uint16_t kem_id, bytes_view shared_secret, bytes_view info, bytes_view aad, bytes_view plaintext);
// Error decryption_failed.
result<bytes> hpke_open_once(uint16_t kem_id, bytes_view shared_secret, bytes_view info, bytes_view aad, bytes_view sealed);

// What both come from, for any aead of RFC 9180's registry: key, base nonce (12), exporter secret (64).
secret_bytes hpke_one_stage(uint16_t kem_id, uint16_t aead_id, size_t key_size, bytes_view shared_secret, bytes_view info);

}  // namespace berth::crypto

// What a key in a token does: one command sequence each. Internal to this folder.
#pragma once

#include "crypto/sign.h"
#include "keystore/pkcs11/objects.h"

namespace berth::keystore::pkcs11 {

// CKM_EC_KEY_PAIR_GEN: a pair that stays (CKA_TOKEN), its private half sensitive and not extractable, for one use.
enum class use : uint8_t { sign, agree };
result<void> make_pair(session& in, const key_place& at, bool p256, use what);

// CKM_ECDSA over a digest; DER.
result<bytes> sign_digest(session& in, CK_OBJECT_HANDLE key, crypto::signature_algorithm alg, bytes_view digest);

// CKM_ECDH1_DERIVE without a KDF: the x-coordinate.
result<secret_bytes> agree(session& in, CK_OBJECT_HANDLE key, bytes_view point);

result<void> fill_random(session& in, std::span<uint8_t> out);

// The key for sealing: AES-256, beside the named one, never leaves the token, and made when it is first wanted.
result<CK_OBJECT_HANDLE> ensure_sealing_key(session& in, const key_place& beside);
// AES-256-GCM under that key.
result<bytes> seal(session& in, CK_OBJECT_HANDLE key, const key_place& beside, const secret_bytes& secret);
// Error seal_invalid.
result<secret_bytes> unseal(session& in, CK_OBJECT_HANDLE key, const key_place& beside, bytes_view sealed);

// What a hybrid needs besides its pair: a data object of the token.
result<void> put_record(session& in, const key_place& beside, bytes_view record);
// Error key_not_found: the key is no hybrid that Berth made.
result<bytes> get_record(session& in, const key_place& beside);

// The pair and all that lies beside it.
result<void> destroy_all(session& in, const key_place& at);

}  // namespace berth::keystore::pkcs11

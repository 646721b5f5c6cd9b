// Sealed tokens: JSON Web Encryption in compact form (RFC 7516), by ECDH-ES or a shared secret (RFC 7518 sections 4.5, 4.6), or
// by HPKE in its integrated mode (draft-ietf-jose-hpke-encrypt-21 section 5), which has no "enc": the encapsulation stands where
// the encrypted key does, and the parts for IV and tag are empty.
#pragma once

#include "base/bytes.h"
#include "jose/compact.h"
#include "jose/keys.h"

namespace berth::jose {

// The header has alg, kid (and enc, epk), then `extra`, which may name none of these. `info`: HPKE's, to be the same at both
// ends; the others do not look at it. Errors bad_public_key: a key that was taken in and yet is of small order (X25519).
result<std::string> seal(const recipient_key& to, bytes_view plaintext, const wire::json::object& extra, bytes_view info,
                         random_source& random);

struct opened {
    header head;  // authenticated with the rest
    bytes plaintext;
};

// Errors: those of compact.h; algorithm_mismatch, wrong_key: what the header says is not what this key is for; keystore_failed:
// its keeper is gone. Whatever else is wrong is decryption_failed, and says no more.
result<opened> open(const opening_key& key, std::string_view token, bytes_view info, size_t most = most_token);

}  // namespace berth::jose

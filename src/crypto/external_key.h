// ECDSA keys whose private half somebody else holds: a chip, a token. They sign certificates and requests, and authenticate
// in TLS, like keys in software; libcrypto reaches the holder through a provider of its own (external_key.cpp).
#pragma once

#include "crypto/sign.h"

namespace berth::crypto {

// Thread-safe: it locks if it has to.
class external_signer {
public:
    virtual ~external_signer() = default;
    // An ECDSA signature, in DER, over a digest of the hash that belongs to the key's curve.
    virtual result<bytes> sign_digest(bytes_view hashed) const = 0;
};

// Error unsupported_key_algorithm: not ECDSA.
result<signing_key> external_signing_key(const verification_key& pub, std::shared_ptr<const external_signer> holder);

}  // namespace berth::crypto

// Handles of Diffie-Hellman keys, wherever they live: what JOSE's ECDH-ES is opened with.
#pragma once

#include "crypto/agreement.h"
#include "keystore/key.h"

namespace berth::keystore {

// Thread-safe: a back end that needs to, locks. Not post-quantum.
class agreement_key {
public:
    virtual ~agreement_key() = default;
    [[nodiscard]] crypto::agreement_group group() const { return public_key().group(); }
    virtual const crypto::agreement_public_key& public_key() const = 0;
    // As crypto::agreement_private_key::agree(). Errors bad_public_key (category peer), keystore_failed.
    virtual result<secret_bytes> agree(const crypto::agreement_public_key& peer) const = 0;
    virtual const capabilities& able() const = 0;
};

using agreement_key_ptr = std::shared_ptr<const agreement_key>;

agreement_key_ptr software_agreement_key(crypto::agreement_private_key key);

}  // namespace berth::keystore

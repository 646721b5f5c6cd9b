// CMS EnvelopedData for one who has a key-encryption key (RFC 5652 6.2.3): AES-256-CBC, its key wrapped by AES-256 (RFC 3394).
// Nothing in it authenticates the content: what comes out is to be judged for itself, as a certificate is.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"

namespace berth::pki {

inline constexpr size_t envelope_key_octets = 32;

// DER. `key_id`: what the recipient is told of the key. Error bad_template: the key has not
// envelope_key_octets, or no name.
result<bytes> seal_envelope(bytes_view content, const secret_bytes& key, bytes_view key_id);

// Errors (category peer) bad_envelope: not EnvelopedData, or a content that does not decrypt; wrong_envelope_key: it is not for
// this key.
result<bytes> open_envelope(bytes_view der, const secret_bytes& key);

}  // namespace berth::pki

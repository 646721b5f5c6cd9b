// AES key wrap with a 256-bit key (RFC 3394).
#pragma once

#include "base/bytes.h"
#include "base/secret.h"

namespace berth::crypto {

inline constexpr size_t key_wrap_key_size = 32;
inline constexpr size_t key_wrap_overhead = 8;

// `key` has 32 octets, `secret` a multiple of 8, 16 at least; anything else is our own mistake and aborts.
bytes wrap_key(bytes_view key, const secret_bytes& secret);
// Error decryption_failed: not what wrap_key() made with this key.
result<secret_bytes> unwrap_key(bytes_view key, bytes_view wrapped);

}  // namespace berth::crypto

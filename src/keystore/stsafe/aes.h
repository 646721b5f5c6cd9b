// AES as the chip uses it: CMAC (RFC 4493), one block, ECB and CBC without padding, key wrap (RFC 3394).
#pragma once

#include "base/bytes.h"
#include "base/secret.h"

#include <array>
#include <optional>

namespace berth::keystore::stsafe::aes {

using block = std::array<uint8_t, 16>;

// Keys have 16 or 32 octets; anything else is our own mistake and aborts.
block cmac(bytes_view key, bytes_view first, bytes_view second = {});
block encrypt_block(bytes_view key, const block& in);

// Whole blocks only; anything else aborts.
secret_bytes ecb_encrypt(bytes_view key, bytes_view in);
secret_bytes ecb_decrypt(bytes_view key, bytes_view in);
secret_bytes cbc_encrypt(bytes_view key, const block& iv, bytes_view in);
secret_bytes cbc_decrypt(bytes_view key, const block& iv, bytes_view in);

// 16 octets at least, a multiple of 8; else, and when an envelope is not of this key, nothing.
std::optional<bytes> wrap(bytes_view key, bytes_view data);
std::optional<secret_bytes> unwrap(bytes_view key, bytes_view envelope);

}  // namespace berth::keystore::stsafe::aes

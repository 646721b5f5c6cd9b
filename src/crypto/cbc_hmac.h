// AES-CBC with HMAC, encrypt then MAC, as JOSE composes them (RFC 7518 section 5.2): for who cannot do GCM.
#pragma once

#include "base/bytes.h"
#include "base/secret.h"

#include <span>

namespace berth::crypto {

enum class cbc_hmac_algorithm : uint8_t { aes128_sha256, aes256_sha512 };

inline constexpr size_t cbc_iv_size = 16;
// 32 or 64 octets: the MAC's key first, the cipher's behind it.
constexpr size_t cbc_hmac_key_size(cbc_hmac_algorithm alg) noexcept {
    return alg == cbc_hmac_algorithm::aes128_sha256 ? 32 : 64;
}
// 16 or 32 octets: half of the MAC.
constexpr size_t cbc_hmac_tag_size(cbc_hmac_algorithm alg) noexcept {
    return cbc_hmac_key_size(alg) / 2;
}

struct cbc_hmac_sealed {
    bytes ciphertext;
    bytes tag;
};

// `key` has exactly cbc_hmac_key_size() octets; anything else is our own mistake and aborts. `iv` is random.
cbc_hmac_sealed cbc_hmac_seal(cbc_hmac_algorithm alg, bytes_view key, std::span<const uint8_t, cbc_iv_size> iv, bytes_view aad,
                              bytes_view plaintext);
// The tag is looked at first, in constant time. Error decryption_failed, whatever was wrong.
result<bytes> cbc_hmac_open(cbc_hmac_algorithm alg, bytes_view key, std::span<const uint8_t, cbc_iv_size> iv, bytes_view aad,
                            bytes_view ciphertext, bytes_view tag);

}  // namespace berth::crypto

// Authenticated encryption: AES-GCM and ChaCha20-Poly1305, 96-bit nonces, 128-bit tags.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace berth::crypto {

// The values are those of the HPKE AEAD registry (RFC 9180 section 7.3).
enum class aead_algorithm : uint16_t { aes128gcm = 0x0001, aes256gcm = 0x0002, chacha20poly1305 = 0x0003 };

constexpr size_t aead_nonce_size = 12;
constexpr size_t aead_tag_size = 16;

constexpr size_t aead_key_size(aead_algorithm alg) noexcept {
    return alg == aead_algorithm::aes128gcm ? 16 : 32;
}

// aead_key holds an expanded key for one direction; a call costs only the nonce and the data.
// One thread at a time. The nonce must never repeat for one key: the caller counts.
class aead_key {
public:
    enum class use : uint8_t { seal, open };

    // key has exactly aead_key_size(alg) octets; anything else is our own mistake and aborts.
    aead_key(aead_algorithm alg, bytes_view key, use direction);
    aead_key(aead_key&&) noexcept;
    aead_key& operator=(aead_key&&) noexcept;
    ~aead_key();

    // Writes ciphertext || tag to out, which has plaintext.size() + aead_tag_size octets and either starts
    // where plaintext starts (in place) or does not overlap it. Aborts when made for opening.
    void seal(std::span<const uint8_t, aead_nonce_size> nonce, bytes_view aad, bytes_view plaintext, std::span<uint8_t> out);

    // As above for a plaintext in two parts (a record's content and its type octet); not in place.
    void seal(std::span<const uint8_t, aead_nonce_size> nonce, bytes_view aad, bytes_view plaintext, bytes_view plaintext_tail,
              std::span<uint8_t> out);

    bytes seal(std::span<const uint8_t, aead_nonce_size> nonce, bytes_view aad, bytes_view plaintext);

    // Opens ciphertext || tag into out, which has sealed.size() - aead_tag_size octets and either starts
    // where sealed starts (in place) or does not overlap it. Error decryption_failed: key, nonce, aad or
    // ciphertext are not those of a seal, or sealed is shorter than a tag; out then holds zeros.
    result<void> open(std::span<const uint8_t, aead_nonce_size> nonce, bytes_view aad, bytes_view sealed, std::span<uint8_t> out);

    result<bytes> open(std::span<const uint8_t, aead_nonce_size> nonce, bytes_view aad, bytes_view sealed);

    aead_algorithm algorithm() const noexcept { return alg_; }

private:
    struct state;
    aead_algorithm alg_;
    use use_;
    std::unique_ptr<state> state_;
};

}  // namespace berth::crypto

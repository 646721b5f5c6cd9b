// Ed25519 signatures (RFC 8032), for JOSE's EdDSA (RFC 8037). Certificates of ours are never signed with them, so they stay out
// of sign.h's algorithms.
#pragma once

#include "base/bytes.h"
#include "base/random.h"
#include "base/secret.h"

#include <memory>

namespace berth::crypto {

inline constexpr size_t ed25519_key_size = 32;  // public, and the private seed
inline constexpr size_t ed25519_signature_size = 64;

class ed25519_public_key {
public:
    // 32 octets; whether they are a point shows when a signature is verified. Error bad_public_key.
    static result<ed25519_public_key> from_raw(bytes_view raw);
    bytes_view raw() const noexcept;
    // Error bad_signature.
    result<void> verify(bytes_view message, bytes_view signature) const;

    struct impl;
    explicit ed25519_public_key(std::shared_ptr<const impl> i) noexcept : impl_(std::move(i)) {}

private:
    std::shared_ptr<const impl> impl_;
};

class ed25519_private_key {
public:
    static ed25519_private_key generate(random_source& random);  // draws 32 octets
    // Error bad_private_key: not 32 octets.
    static result<ed25519_private_key> from_seed(bytes_view seed);
    secret_bytes seed() const;
    const ed25519_public_key& public_key() const noexcept;
    bytes sign(bytes_view message) const;

    struct impl;
    explicit ed25519_private_key(std::shared_ptr<const impl> i) noexcept : impl_(std::move(i)) {}

private:
    std::shared_ptr<const impl> impl_;
};

}  // namespace berth::crypto

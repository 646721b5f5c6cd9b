// Diffie-Hellman keys: P-256, P-384 (SP 800-56A) and X25519 (RFC 7748), for formats that agree on a key with them (JOSE's
// ECDH-ES). For anything new there are the KEMs of kem.h.
//
// Key objects are immutable, safe to share between threads and cheap to copy.
#pragma once

#include "base/bytes.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"

#include <cstdint>
#include <memory>
#include <string_view>

namespace berth::crypto {

enum class agreement_group : uint8_t { p256, p384, x25519 };

std::string_view name_of(agreement_group group) noexcept;  // "P-256", "X25519"
size_t public_size(agreement_group group) noexcept;        // 65, 97, 32
size_t private_size(agreement_group group) noexcept;       // 32, 48, 32; also of what is agreed

// How a peer's point is looked at. Both curves have cofactor 1, so that every point of the curve but infinity is of the right
// order: SP 800-56A 5.6.2.3.4 (partial) is enough for safety, and 5.6.2.3.3 (full) multiplies by the order once more, which
// nearly doubles what an agreement costs. It is there for who must say that it was done.
enum class point_validation : uint8_t { partial, full };

class agreement_public_key {
public:
    // An uncompressed point, or X25519's 32 octets. Error bad_public_key.
    static result<agreement_public_key> from_raw(agreement_group group, bytes_view raw,
                                                 point_validation how = point_validation::partial);

    agreement_group group() const noexcept;
    bytes_view raw() const noexcept;
    friend bool operator==(const agreement_public_key& a, const agreement_public_key& b) noexcept;

    struct impl;
    explicit agreement_public_key(std::shared_ptr<const impl> i) noexcept : impl_(std::move(i)) {}
    const impl& get() const noexcept { return *impl_; }

private:
    std::shared_ptr<const impl> impl_;
};

class agreement_private_key {
public:
    // Draws private_size() octets, on the NIST curves again until 0 < k < n.
    static agreement_private_key generate(agreement_group group, random_source& random);
    // Error bad_private_key: wrong length, or not 0 < k < n.
    static result<agreement_private_key> from_raw(agreement_group group, bytes_view scalar);

    agreement_group group() const noexcept;
    const agreement_public_key& public_key() const noexcept;
    secret_bytes raw() const;

    // The x-coordinate, or X25519's output. Error bad_public_key: of another group, or (X25519) a point of small order
    // (RFC 7748 section 6.1: the output is all zeros).
    result<secret_bytes> agree(const agreement_public_key& peer) const;

    struct impl;
    explicit agreement_private_key(std::shared_ptr<const impl> i) noexcept : impl_(std::move(i)) {}

private:
    std::shared_ptr<const impl> impl_;
};

}  // namespace berth::crypto

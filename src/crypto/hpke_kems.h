// Private keys of the hybrid KEMs as HPKE writes them (draft-ietf-hpke-pq): a seed of 32 octets, out of which everything else is
// made. kem.h's own form is the certificates' (draft-ietf-lamps-pq-composite-kem), where the halves stand side by side.
#pragma once

#include "crypto/kem.h"

namespace berth::crypto {

inline constexpr size_t hybrid_seed_size = 32;

// DeriveKeyPair of the hybrids: SHAKE256(seed) is the ML-KEM seed, then candidates for the scalar. Of plain ML-KEM the seed has
// 64 octets and is the key's own. Error bad_private_key: another length.
result<kem_private_key> kem_from_hpke_seed(kem_algorithm alg, bytes_view seed);

// MLKEM768-X25519 (kem_id 0x647a), which is X-Wing (draft-connolly-cfrg-xwing-kem).
inline constexpr uint16_t x_wing_kem_id = 0x647a;
inline constexpr size_t x_wing_public_size = 1216;
inline constexpr size_t x_wing_encapsulation_size = 1120;

class x_wing_public_key {
public:
    // ML-KEM-768 encapsulation key, X25519 point. Error bad_public_key: length, or FIPS 203's modulus check.
    static result<x_wing_public_key> from_raw(bytes_view raw);
    bytes_view raw() const noexcept;
    // Draws 32 octets (ML-KEM m), then 32 (X25519 scalar). Error bad_public_key: its point is of small order.
    result<kem_encapsulation> encapsulate(random_source& random) const;

    struct impl;
    explicit x_wing_public_key(std::shared_ptr<const impl> i) noexcept : impl_(std::move(i)) {}

private:
    std::shared_ptr<const impl> impl_;
};

class x_wing_private_key {
public:
    // Error bad_private_key: not 32 octets.
    static result<x_wing_private_key> from_seed(bytes_view seed);
    const x_wing_public_key& public_key() const noexcept;
    // Error bad_encapsulation: length, or a point of small order.
    result<secret_bytes> decapsulate(bytes_view enc) const;

    struct impl;
    explicit x_wing_private_key(std::shared_ptr<const impl> i) noexcept : impl_(std::move(i)) {}

private:
    std::shared_ptr<const impl> impl_;
};

}  // namespace berth::crypto

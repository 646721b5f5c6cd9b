// Key encapsulation: ML-KEM (FIPS 203) and its hybrids with ECDH (AuthKEM profile 1, section 1;
// draft-ietf-lamps-pq-composite-kem).
//
// Key objects are parsed and expanded once, immutable, safe to share between threads and cheap to copy.
#pragma once

#include "base/bytes.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace berth::crypto {

// The values are those of the HPKE KEM registry.
enum class kem_algorithm : uint16_t {
    mlkem768 = 0x0041,
    mlkem1024 = 0x0042,
    mlkem768_p256 = 0x0050,
    mlkem1024_p384 = 0x0051,
};

inline constexpr std::array all_kem_algorithms{kem_algorithm::mlkem768, kem_algorithm::mlkem1024, kem_algorithm::mlkem768_p256,
                                               kem_algorithm::mlkem1024_p384};

// Octets; scalar is 0 for plain ML-KEM. shared_secret is 32 for all of them.
struct kem_sizes {
    size_t public_key;
    size_t encapsulation;
    size_t ml_kem_public_key;     // the first part of public_key
    size_t ml_kem_encapsulation;  // the first part of encapsulation
    size_t point;                 // the second part of both: an uncompressed point, 0x04 first
    size_t scalar;
    size_t shared_secret;
};

kem_sizes sizes_of(kem_algorithm alg) noexcept;
std::string_view name_of(kem_algorithm alg) noexcept;  // "mlkem768_p256", as in the profile
std::string_view oid_of(kem_algorithm alg) noexcept;   // of the SubjectPublicKeyInfo, dotted

// The algorithm with this HPKE kem_id, if it is one of ours.
std::optional<kem_algorithm> kem_algorithm_from_id(uint16_t kem_id) noexcept;
std::optional<kem_algorithm> kem_algorithm_from_oid(std::string_view dotted) noexcept;

struct kem_encapsulation {
    bytes enc;
    secret_bytes shared_secret;
};

class kem_public_key {
public:
    // From the octets of the profile's table. Error bad_public_key: wrong length, a coefficient not below q
    // (FIPS 203 section 7.2 modulus check), or a point that is not an uncompressed point of the curve.
    static result<kem_public_key> from_raw(kem_algorithm alg, bytes_view raw);

    // From DER SubjectPublicKeyInfo, all of it. Error unsupported_key_algorithm: not one of our KEMs;
    // bad_public_key: as above, algorithm parameters present, or not DER.
    static result<kem_public_key> from_spki(bytes_view der);

    kem_algorithm algorithm() const noexcept;
    bytes_view raw() const noexcept;
    bytes_view spki() const noexcept;  // DER SubjectPublicKeyInfo
    const std::array<uint8_t, 32>& spki_sha256() const noexcept;

    // Draws 32 octets (ML-KEM m), then for hybrids the ephemeral scalar: 32 (P-256) or 48 (P-384) octets at a
    // time until 0 < k < n (profile section 8). Never fails for a key that was accepted.
    kem_encapsulation encapsulate(random_source& random) const;

    friend bool operator==(const kem_public_key& a, const kem_public_key& b) noexcept;

    struct impl;  // defined in kem_impl_openssl.h
    explicit kem_public_key(std::shared_ptr<const impl> i) noexcept : impl_(std::move(i)) {}
    const impl& get() const noexcept { return *impl_; }

private:
    std::shared_ptr<const impl> impl_;
};

// A private key held in software.
class kem_private_key {
public:
    // Draws 64 octets (ML-KEM seed d || z), then for hybrids a scalar as in encapsulate().
    static kem_private_key generate(kem_algorithm alg, random_source& random);

    // From DER PKCS#8, all of it. ML-KEM: seed, both (which must agree, RFC 9935) or expanded form; hybrids:
    // seed followed by ECPrivateKey. Errors unsupported_key_algorithm, bad_private_key.
    static result<kem_private_key> from_pkcs8(bytes_view der);

    // The inverse, always in seed form. Error key_has_no_seed when the key came in expanded form.
    result<secret_bytes> to_pkcs8() const;

    kem_algorithm algorithm() const noexcept;
    const kem_public_key& public_key() const noexcept;

    // Error bad_encapsulation: wrong length, or (hybrids) not an uncompressed point of the curve. A
    // well-formed encapsulation made for another key gives a secret that nobody else knows (FIPS 203 implicit
    // rejection), never an error.
    result<secret_bytes> decapsulate(bytes_view enc) const;

    struct impl;
    explicit kem_private_key(std::shared_ptr<const impl> i) noexcept : impl_(std::move(i)) {}
    const impl& get() const noexcept { return *impl_; }

private:
    std::shared_ptr<const impl> impl_;
};

// The combiner of the hybrids, for key handles whose halves live in different places (a chip that does ECDH,
// an ML-KEM key in software): SHA3-256(ss_mlkem || ecdh_x || ephemeral point || recipient point || label).
secret_bytes combine_hybrid(kem_algorithm alg, bytes_view ss_mlkem, bytes_view ecdh_x, bytes_view ephemeral_point,
                            bytes_view recipient_point);

}  // namespace berth::crypto

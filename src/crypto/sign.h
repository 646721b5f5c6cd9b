// Signature keys: ECDSA on P-256 and P-384, ML-DSA (FIPS 204).
//
// Key objects are immutable, safe to share between threads and cheap to copy. They wrap a libcrypto key of
// any provider, so that a key held by a chip signs certificates and requests like one held in software.
#pragma once

#include "base/bytes.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace berth::crypto {

// The values are TLS SignatureScheme code points.
enum class signature_algorithm : uint16_t {
    ecdsa_p256_sha256 = 0x0403,
    ecdsa_p384_sha384 = 0x0503,
    mldsa44 = 0x0904,
    mldsa65 = 0x0905,
    mldsa87 = 0x0906,
};

inline constexpr std::array all_signature_algorithms{signature_algorithm::ecdsa_p256_sha256,
                                                     signature_algorithm::ecdsa_p384_sha384, signature_algorithm::mldsa44,
                                                     signature_algorithm::mldsa65, signature_algorithm::mldsa87};

std::string_view name_of(signature_algorithm alg) noexcept;  // "mldsa65"
std::optional<signature_algorithm> signature_algorithm_from_scheme(uint16_t scheme) noexcept;
constexpr bool is_post_quantum(signature_algorithm alg) noexcept {
    return static_cast<uint16_t>(alg) >= 0x0904;
}

class verification_key {
public:
    // From DER SubjectPublicKeyInfo, all of it. Errors unsupported_key_algorithm (also: another curve,
    // explicit curve parameters), bad_public_key.
    static result<verification_key> from_spki(bytes_view der);

    // From the bare octets: the ML-DSA public key, or the uncompressed point. Error bad_public_key.
    static result<verification_key> from_raw(signature_algorithm alg, bytes_view raw);

    signature_algorithm algorithm() const noexcept;
    bytes_view spki() const noexcept;
    const std::array<uint8_t, 32>& spki_sha256() const noexcept;
    bytes_view raw() const noexcept;  // ML-DSA public key, or uncompressed point

    // ECDSA signatures are DER (as in X.509 and TLS). Error bad_signature.
    result<void> verify(bytes_view message, bytes_view signature) const;

    friend bool operator==(const verification_key& a, const verification_key& b) noexcept;

    struct impl;  // defined in sign_impl_openssl.h
    explicit verification_key(std::shared_ptr<const impl> i) noexcept : impl_(std::move(i)) {}
    const impl& get() const noexcept { return *impl_; }

private:
    std::shared_ptr<const impl> impl_;
};

class signing_key {
public:
    // Draws 32 octets (ML-DSA seed), or the scalar: 32 (P-256) or 48 (P-384) octets at a time until 0 < k <
    // n.
    static signing_key generate(signature_algorithm alg, random_source& random);

    // From DER PKCS#8, all of it. ML-DSA: seed, both (which must agree, RFC 9881) or expanded form.
    // Errors unsupported_key_algorithm, bad_private_key.
    static result<signing_key> from_pkcs8(bytes_view der);

    // The inverse; ML-DSA always in seed form. Errors key_has_no_seed, key_not_exportable (held by a chip).
    result<secret_bytes> to_pkcs8() const;

    signature_algorithm algorithm() const noexcept;
    const verification_key& public_key() const noexcept;

    // ECDSA signatures are DER. Error signing_failed: the holder of the key (a chip) refused or is gone.
    result<bytes> sign(bytes_view message) const;

    struct impl;
    explicit signing_key(std::shared_ptr<const impl> i) noexcept : impl_(std::move(i)) {}
    const impl& get() const noexcept { return *impl_; }

private:
    std::shared_ptr<const impl> impl_;
};

// ECDSA signatures between DER (X.509, TLS) and fixed-length r || s (JOSE, chips). Error bad_signature.
result<bytes> ecdsa_der_to_raw(signature_algorithm alg, bytes_view der);
result<bytes> ecdsa_raw_to_der(signature_algorithm alg, bytes_view raw);

}  // namespace berth::crypto

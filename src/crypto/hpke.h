// HPKE (RFC 9180) base mode over the KEMs of kem.h (hpke-pq).
#pragma once

#include "base/bytes.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/aead.h"
#include "crypto/kem.h"

#include <cstdint>
#include <memory>
#include <span>

namespace berth::crypto {

// The values are those of the HPKE KDF registry.
enum class hpke_kdf : uint16_t { hkdf_sha256 = 0x0001, hkdf_sha384 = 0x0002, hkdf_sha512 = 0x0003 };

struct hpke_suite {
    kem_algorithm kem;
    hpke_kdf kdf;
    aead_algorithm aead;
    friend bool operator==(const hpke_suite&, const hpke_suite&) = default;
};

// The suite of AuthKEM profile 1, section 1: (0x0041,1,1) (0x0042,2,2) (0x0050,1,1) (0x0051,2,2).
hpke_suite hpke_suite_for(kem_algorithm kem) noexcept;

// The same with aead_id 0x0002 (AES-256-GCM), as onboarding's proof of possession demands.
hpke_suite hpke_suite_aes256_for(kem_algorithm kem) noexcept;

// hpke_context is one side of one HPKE exchange. One thread at a time.
class hpke_context {
public:
    hpke_context(hpke_context&&) noexcept;
    hpke_context& operator=(hpke_context&&) noexcept;
    ~hpke_context();

    // ciphertext || tag; the sequence number then advances. Aborts on a receiver.
    bytes seal(bytes_view aad, bytes_view plaintext);

    // Error decryption_failed; the sequence number advances only on success. Aborts on a sender.
    result<bytes> open(bytes_view aad, bytes_view sealed);

    // The secret export interface (RFC 9180 section 5.3); length at most 255 * Nh.
    secret_bytes export_secret(bytes_view exporter_context, size_t length) const;

private:
    friend struct hpke_maker;
    struct impl;
    explicit hpke_context(std::unique_ptr<impl> i) noexcept;
    std::unique_ptr<impl> impl_;
};

struct hpke_sender {
    bytes enc;
    hpke_context context;
};

// SetupBaseS. suite.kem must be pk's algorithm (our own mistake otherwise: aborts). Draws as
// pk.encapsulate().
hpke_sender hpke_setup_sender(const hpke_suite& suite, const kem_public_key& pk, bytes_view info, random_source& random);

// SetupBaseR from the KEM's shared secret, so that any key handle that can decapsulate will do.
hpke_context hpke_setup_receiver(const hpke_suite& suite, bytes_view shared_secret, bytes_view info);

// The encapsulation of AuthKEM profile 1, section 3, in one call each way: export of hpke_suite_for(kem),
// without setting up an AEAD that is never used.
struct hpke_exported {
    bytes enc;
    secret_bytes secret;
};
hpke_exported hpke_send_export(const kem_public_key& pk, bytes_view info, bytes_view exporter_context, size_t length,
                               random_source& random);
secret_bytes hpke_receive_export(kem_algorithm kem, bytes_view shared_secret, bytes_view info, bytes_view exporter_context,
                                 size_t length);

}  // namespace berth::crypto

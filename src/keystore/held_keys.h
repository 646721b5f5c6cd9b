// Key handles over what a holder (a chip, a token) can do: sign a digest, or one Diffie-Hellman. What is the same for all of
// them is here; a back end adds how its holder is asked.
#pragma once

#include "base/random.h"
#include "crypto/external_key.h"
#include "keystore/agreement_key.h"
#include "keystore/key.h"

namespace berth::keystore {

// Thread-safe: it locks if it has to.
class external_agreement {
public:
    virtual ~external_agreement() = default;
    // The x-coordinate of the private key times `point`, as long as the curve's field; `point` is uncompressed and on the curve.
    virtual result<secret_bytes> agree(bytes_view point) const = 0;
};

// ECDSA. Error unsupported_key_algorithm.
result<signing_key_ptr> held_signing_key(const crypto::verification_key& pub,
                                         std::shared_ptr<const crypto::external_signer> holder, std::string backend);

// The hybrids, whose elliptic half the holder has at `point`, and whose ML-KEM half this process expands from `seed`: nobody's
// chip computes ML-KEM yet. Errors wrong_key_kind: no hybrid; bad_public_key.
result<kem_key_ptr> held_hybrid_key(crypto::kem_algorithm alg, const secret_bytes& seed, bytes_view point,
                                    std::shared_ptr<const external_agreement> holder, std::string backend);

// The holder's key by itself, whose public half is `point`. Error bad_public_key.
result<agreement_key_ptr> held_agreement_key(crypto::agreement_group group, bytes_view point,
                                             std::shared_ptr<const external_agreement> holder, std::string backend);
// The curve of a hybrid's elliptic half and that of a key by itself: P-256 or P-384. Error wrong_key_kind: X25519, which no chip
// or token here has.
result<crypto::kem_algorithm> hybrid_of_group(crypto::agreement_group group);

inline constexpr size_t hybrid_seed_size = 64;  // d || z (FIPS 203)
bool is_hybrid(crypto::kem_algorithm alg) noexcept;

// That the holder's key is the one of `point`: both sides of a Diffie-Hellman that only it can do. Error key_mismatch, and the
// holder's own.
result<void> prove_agreement(crypto::kem_algorithm alg, const external_agreement& holder, bytes_view point,
                             random_source& random);
// The same of a signing key: a fresh challenge, signed.
result<void> prove_signature(const crypto::verification_key& pub, const crypto::external_signer& holder, random_source& random);

// SHA-256 or SHA-384, as belongs to the curve of an ECDSA key.
bytes digest_for(crypto::signature_algorithm alg, bytes_view message);

// The contract of key.h has one name for whatever befalls a holder; the holder's own name becomes the parameter "cause".
error keystore_failed(error cause);

}  // namespace berth::keystore

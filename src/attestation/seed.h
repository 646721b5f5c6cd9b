// How something is protected for one TPM (TPM 2.0 Part 1, 23 and 24): a seed that only a key of it can read, and octets that are
// encrypted and authenticated by that seed.
#pragma once

#include "attestation/public_area.h"
#include "base/random.h"
#include "base/secret.h"

namespace berth::attestation {

struct transported_seed {
    secret_bytes seed;
    bytes encrypted;  // the content of TPM2B_ENCRYPTED_SECRET
};

// `label`: "IDENTITY", "DUPLICATE". Errors tpm_unsupported (no restricted decryption key), bad_public_key.
result<transported_seed> transport_seed(const public_area& key, std::string_view label, random_source& random);

// Part 1, 24.4 and 24.5: symKey := KDFa(nameAlg, seed, "STORAGE", name, NULL, bits), HMACkey := KDFa(..., "INTEGRITY", NULL,
// NULL, bits), outerHMAC := HMAC(HMACkey, encrypted || name): the HMAC, sized, and what is encrypted. `key`: one that
// transport_seed() took; a seed is used once.
using sealed_octets = bytes;
sealed_octets seal_for(const public_area& key, const transported_seed& by, bytes_view name, bytes_view plain);

}  // namespace berth::attestation

// The public area of a TPM object (TPMT_PUBLIC; TPM 2.0 Part 2, 12.2.4): what a key is, who may use it and how, and its
// public value. A Name is a digest of all of it, so whoever knows a key by its Name knows its attributes.
#pragma once

#include "attestation/tpm.h"
#include "crypto/sign.h"

namespace berth::attestation {

struct public_area {
    tpm_alg type = tpm_alg::ecc;
    tpm_alg name_alg = tpm_alg::sha256;
    uint32_t attributes = 0;
    bytes policy;

    // Restricted decryption keys protect others with AES in CFB mode; 0: none.
    uint16_t aes_bits = 0;
    tpm_alg scheme = tpm_alg::null;
    tpm_alg scheme_hash = tpm_alg::null;

    tpm_curve curve = tpm_curve::none;  // ECC
    bytes x;                            // a template's `unique` goes here and into y
    bytes y;
    uint16_t rsa_bits = 0;  // RSA; the exponent is always 65537
    bytes unique;           // the modulus of an RSA key, the digest of a keyed hash object

    // Exactly one TPMT_PUBLIC. Errors tpm_structure_malformed; tpm_unsupported: of a kind that does not occur here.
    static result<public_area> parse(bytes_view octets);
    bytes encode() const;

    // nameAlg || H(public area) (Part 1, 16).
    bytes name() const;
    // DER SubjectPublicKeyInfo. Error tpm_unsupported: not a key, or a template without a public value.
    result<bytes> spki() const;
    // Error tpm_unsupported: not ECDSA on P-256 or P-384; bad_public_key.
    result<crypto::verification_key> verification_key() const;

    bool has(uint32_t wanted) const noexcept { return (attributes & wanted) == wanted; }
    bool operator==(const public_area&) const = default;
};

// The public area of an ECDSA key that is not in a TPM, as it goes there to check signatures.
result<public_area> public_area_of(const crypto::verification_key& key);

}  // namespace berth::attestation

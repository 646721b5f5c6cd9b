// An HMAC key that a service shares with one TPM: as Azure's provisioning service hands it to devices that attest by their TPM,
// so that what its SDKs know (tpmd of aziot-identity-service, security-tpm of Node.js) can take it in.
//
// Six structures of TPM 2.0 (Part 2), each with its size in front, one behind the other:
//   TPM2B_ID_OBJECT          a credential for the endorsement key, which is opened where the storage root key is, too: 16 octets,
//   TPM2B_ENCRYPTED_SECRET   the inner wrapping key (TPM2_ActivateCredential)
//   TPM2B_PRIVATE            the key as a duplicate, encrypted by that (AES-128-CFB) and for the storage root key (TPM2_Import)
//   TPM2B_ENCRYPTED_SECRET   the seed of the second of these
//   TPM2B_PUBLIC             its public area: a keyed hash object for HMAC with SHA-256, used without a password
//   TPM2B_DATA               empty; there, since Node's client reads it
#pragma once

#include "attestation/public_area.h"
#include "base/random.h"
#include "base/secret.h"

namespace berth::attestation {

// TPM2B_PUBLIC or TPMT_PUBLIC of a key that protects others. Errors tpm_structure_malformed; tpm_unsupported: no restricted
// decryption key of RSA 2048 or P-256 or P-384 that stays in its TPM (fixedTPM, fixedParent) and was made there.
result<public_area> storage_key_from(bytes_view octets);

// As above. `key`: 16 to 64 octets. Errors of make_credential().
result<bytes> shared_key_for(const public_area& ek, const public_area& storage_root, bytes_view key, random_source& random);

}  // namespace berth::attestation

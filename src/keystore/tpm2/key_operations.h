// What a key in a TPM does for us.
#pragma once

#include "keystore/tpm2/object.h"

namespace berth::keystore::tpm2 {

// TPM2_Sign (Part 3, 20.2) of a digest made outside; DER. Error key_restricted: the key signs only what its TPM made.
result<bytes> sign_digest(const object& key, bytes_view digest);

// TPM2_ECDH_ZGen (Part 3, 14.5): the x-coordinate, padded to the curve's size; it leaves the TPM encrypted. `point` is
// uncompressed and known to be on the curve.
result<secret_bytes> ecdh(const object& key, bytes_view point);

}  // namespace berth::keystore::tpm2

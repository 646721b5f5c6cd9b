// The file of a sealed key: PEM, mode 0600, of
//
//     version 1 || wrapped<1..2^16-1> || nonce[12] || body<17..2^16-1>
//
// wrapped is a key of AES-256-GCM, drawn for this file alone, as its keeper has sealed it; body is the private key (PKCS#8, PEM)
// under it, and all that stands before the nonce goes into the tag. So however large the key is, the chip seals 32 octets.
#pragma once

#include "keystore/backend.h"
#include "pki/private_key_file.h"

namespace berth::keystore::sealed {

// Errors of `by`, and of pki::private_key_to_pem.
result<std::string> seal_key(const pki::any_private_key& key, const holder& by, random_source& random);
// Errors bad_sealed_key; seal_invalid, and others of `by`.
result<pki::any_private_key> open_key(bytes_view pem, const holder& by);
// Whether it looks like one, without opening it.
bool is_sealed_key(bytes_view pem);

}  // namespace berth::keystore::sealed

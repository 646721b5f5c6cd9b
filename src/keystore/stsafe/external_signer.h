// A chip's key as crypto::signing_key, which is what builders of certificates and requests, and TLS, take.
#pragma once

#include "crypto/sign.h"

namespace berth::keystore::stsafe {

// Knows the public half and that the private one is in a chip: to_pkcs8() is refused with `key_not_exportable`. Signing through
// it needs libcrypto to find its way to the chip, which takes a provider for such keys; until crypto/ has one, sign() ends with
// `signing_failed`. keystore::signing_key::sign() goes to the chip itself and works.
crypto::signing_key chip_held(const crypto::verification_key& key);

}  // namespace berth::keystore::stsafe

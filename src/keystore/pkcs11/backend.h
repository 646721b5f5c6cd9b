// Keys in PKCS#11 tokens by name: pkcs11/uri.h.
#pragma once

#include "keystore/backend.h"

namespace berth::keystore::pkcs11 {

const backend& pkcs11_backend();

}  // namespace berth::keystore::pkcs11

// The in-process OpenSSL provider "berth", which makes composite KEM keys (1.3.6.1.5.5.7.6.59 and .63) known
// to libcrypto, so that certificates which hold them can be parsed, verified, printed and issued.
//
// It is loaded, once, into the one library context that all of Berth uses (crypto_openssl.h: lib_context()),
// by whichever call needs it first. Certificates are parsed in that context only: one parsed before the
// provider was there would stay keyless for ever.
#pragma once

namespace berth::crypto {

// Loads the provider now instead of at first use. Aborts when libcrypto cannot take it.
void load_provider();

}  // namespace berth::crypto

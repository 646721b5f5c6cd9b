// Which libcrypto this process really runs on.
#pragma once

#include "base/result.h"

#include <string>

namespace berth::crypto {

// OpenSSL_version_num() of the library that was loaded, not of the headers: 0xMNN00PP0.
unsigned long openssl_version_number() noexcept;

// For people: "OpenSSL 3.5.7 ...".
std::string openssl_version_text();

// Error openssl_too_old when the loaded library is older than 3.5.0 (no ML-KEM, no ML-DSA). Every program
// calls this first: a stray libcrypto.so.3 earlier in the library path is the usual cause.
result<void> require_openssl();

}  // namespace berth::crypto

// Whether a certificate that somebody hands in can be a CA that others are judged by.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "pki/certificate.h"

namespace berth::pki {

// A CA's certificate that may sign certificates and is in force, with a key that paths are built on: ML-DSA, ECDSA P-256 or
// P-384, with `allow_rsa` RSA of 2048 bits or more. Its own signature is not judged: it is trusted for itself, not for its
// issuer. Errors (usage), param "subject": `not_a_ca`, `bad_key_usage`, `certificate_expired`, `certificate_not_yet_valid`,
// `weak_key`.
result<void> check_issuer(const certificate& ca, unix_seconds now, bool allow_rsa);

}  // namespace berth::pki

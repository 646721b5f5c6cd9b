// Internal to pki: a certificate as it is put together, field by field, before it is signed.
#pragma once

#include "pki/pki_openssl.h"

namespace berth::pki {

// RFC 5280 4.1: TBSCertificate of version 3, without the unique identifiers that "conforming CAs MUST NOT generate".
struct to_be_signed {
    bytes serial;  // magnitude, not zero
    bytes issuer;  // Name
    std::string issuer_text;
    unix_seconds not_before = 0;
    unix_seconds not_after = 0;
    bytes subject;     // Name
    bytes spki;        // SubjectPublicKeyInfo
    bytes extensions;  // Extension elements, one after the other
};

// UTCTime until 2049, GeneralizedTime from 2050 on (RFC 5280 section 4.1.2.5). Nothing before 1970 or after 9999.
std::optional<bytes> time_element(unix_seconds time);

// Signs it, and reads it back: what goes out is what a reader will see. Errors signing_failed; bad_certificate.
result<certificate> seal(const to_be_signed& contents, const crypto::signing_key& key);

}  // namespace berth::pki

// Internal: libcrypto's OCSP types with owners.
#pragma once

#include "pki/pki_openssl.h"

#include <openssl/ocsp.h>

namespace berth::pki {

using ocsp_certid_ptr = crypto::openssl_ptr<OCSP_CERTID, OCSP_CERTID_free>;
using ocsp_request_ptr = crypto::openssl_ptr<OCSP_REQUEST, OCSP_REQUEST_free>;
using ocsp_response_ptr = crypto::openssl_ptr<OCSP_RESPONSE, OCSP_RESPONSE_free>;
using ocsp_basic_ptr = crypto::openssl_ptr<OCSP_BASICRESP, OCSP_BASICRESP_free>;

// Null where it is not exactly one CertID.
ocsp_certid_ptr to_certid(bytes_view der);

// The octets in a nonce's extension. RFC 9654 2.1: "Nonce ::= OCTET STRING(SIZE(1..128))"
std::optional<bytes> read_nonce(const X509_EXTENSION* extension);
inline constexpr size_t most_nonce = 128;

}  // namespace berth::pki

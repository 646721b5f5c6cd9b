// Internal to pki: libcrypto's X.509 types with owners, and conversions from and to ours.
#pragma once

#include "base/clock.h"
#include "crypto/crypto_openssl.h"
#include "pki/certificate.h"
#include "pki/issue.h"

#include <openssl/x509v3.h>

namespace berth::pki {

using x509_ptr = crypto::openssl_ptr<X509, X509_free>;
using x509_crl_ptr = crypto::openssl_ptr<X509_CRL, X509_CRL_free>;
using x509_req_ptr = crypto::openssl_ptr<X509_REQ, X509_REQ_free>;
using x509_name_ptr = crypto::openssl_ptr<X509_NAME, X509_NAME_free>;
using asn1_time_ptr = crypto::openssl_ptr<ASN1_TIME, ASN1_TIME_free>;
using asn1_integer_ptr = crypto::openssl_ptr<ASN1_INTEGER, ASN1_INTEGER_free>;
using general_names_ptr = crypto::openssl_ptr<GENERAL_NAMES, GENERAL_NAMES_free>;

bytes_view octets_of(const ASN1_STRING* text) noexcept;

// Nothing when it is not a time.
std::optional<unix_seconds> to_unix(const ASN1_TIME* time);
// UTCTime until 2049, GeneralizedTime from 2050 on (RFC 5280 section 4.1.2.5). Null before 1970 or after
// 9999.
asn1_time_ptr to_asn1(unix_seconds time);

bytes magnitude_of(const ASN1_INTEGER* number);

// One line, RFC 2253.
std::string one_line(const X509_NAME* name);
// Names with more than one attribute in a part (RDN) come out as if each stood alone.
distinguished_name to_name(const X509_NAME* name);
// Error bad_template.
result<x509_name_ptr> from_name(const distinguished_name& name);

// What subjectAltName holds of what we know; other kinds of name are passed over. Nothing when it is
// malformed.
std::optional<subject_alt_names> to_alt_names(const GENERAL_NAMES* names);
// What to_alt_names() passes over: "iPAddress", "rfc822Name", "otherName 1.2.3", each as often as it is there.
std::vector<std::string> other_kinds(const GENERAL_NAMES* names);
// Error bad_template.
result<general_names_ptr> from_alt_names(const subject_alt_names& names);

// Whether every octet is in the character set of PrintableString (X.680).
bool is_printable_string(bytes_view text) noexcept;

error bad_template(std::string why);

// The digest that X509_sign and its kin want: null for ML-DSA.
const EVP_MD* digest_for(crypto::signature_algorithm alg);
EVP_PKEY* evp_of(const crypto::signing_key& key);
// By signature algorithm identifier: ECDSA with SHA-2, ML-DSA; with allow_rsa RSA with SHA-2 (PKCS#1 and
// PSS).
bool is_accepted_signature(int signature_nid, bool allow_rsa);

}  // namespace berth::pki

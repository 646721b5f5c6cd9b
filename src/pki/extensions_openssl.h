// Internal: the extensions of certificates, CRLs and requests that we make.
#pragma once

#include "pki/issued_extras.h"
#include "pki/pki_openssl.h"

namespace berth::pki {

inline constexpr std::string_view oid_subject_alt_name = "2.5.29.17";
inline constexpr std::string_view oid_key_usage = "2.5.29.15";
inline constexpr std::string_view oid_extended_key_usage = "2.5.29.37";
inline constexpr std::string_view oid_basic_constraints = "2.5.29.19";

// DER of a KeyUsage, from key_usage_bits.
bytes key_usage_value(uint16_t usage);

// RFC 7093 section 2, method 1: "the leftmost 160-bits of the SHA-256 hash of the value of the BIT STRING
// subjectPublicKey".
bytes key_identifier(bytes_view spki);

result<void> add_extensions(X509* x509, const certificate_template& contents, bytes_view own_id, bytes_view authority_id);

using authority_key_id_ptr = crypto::openssl_ptr<AUTHORITY_KEYID, AUTHORITY_KEYID_free>;
authority_key_id_ptr make_authority_key_id(bytes_view id);

result<void> add_extras(X509* x509, const issued_extras& extras);

// One point with all these names, which check_addresses() has seen.
using dist_points_ptr = crypto::openssl_ptr<CRL_DIST_POINTS, CRL_DIST_POINTS_free>;
dist_points_ptr make_dist_points(const std::vector<std::string>& urls);
// Error bad_template.
result<void> check_addresses(const std::vector<std::string>& urls);

// Errors issuer_key_mismatch, bad_key_usage.
result<void> check_issuer(const certificate& issuer, const crypto::signing_key& key, uint16_t usage);

}  // namespace berth::pki

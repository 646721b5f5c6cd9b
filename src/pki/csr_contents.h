// What a certification request asks for, all of it: whoever issues honours each wish or refuses the request, and can do so
// only when nothing was passed over on the way.
#pragma once

#include "pki/issue.h"

namespace berth::pki {

inline constexpr std::string_view oid_challenge_password = "1.2.840.113549.1.9.7";
inline constexpr std::string_view oid_extension_request = "1.2.840.113549.1.9.14";
inline constexpr std::string_view oid_statement_of_possession = "1.3.6.1.4.1.22112.2.1";  // RFC 9883

struct requested_extension {
    std::string oid;
    bool critical = false;
    bytes value;  // the content of extnValue: DER of the extension
    friend bool operator==(const requested_extension&, const requested_extension&) = default;
};

struct requested_attribute {
    std::string oid;
    std::vector<bytes> values;  // DER each
    friend bool operator==(const requested_attribute&, const requested_attribute&) = default;
};

struct requested_basic_constraints {
    bool ca = false;
    std::optional<uint32_t> path_length;
    friend bool operator==(const requested_basic_constraints&, const requested_basic_constraints&) = default;
};

struct csr_contents {
    bytes spki;           // DER SubjectPublicKeyInfo, not yet judged
    bytes subject_der;    // Name
    std::string subject;  // one line, for people
    distinguished_name name;
    subject_alt_names alt_names;
    bytes alt_names_value;                     // the whole subjectAltName as it was sent; empty: none
    std::vector<std::string> other_alt_names;  // "iPAddress", "rfc822Name", an otherName's OID: kinds that we do not write
    std::optional<std::string> challenge_password;
    std::optional<uint16_t> key_usage;  // key_usage_bits
    std::vector<std::string> extended_key_usages;
    std::optional<requested_basic_constraints> basic_constraints;
    std::vector<requested_extension> other_extensions;  // all that none of the above tells
    std::vector<requested_attribute> other_attributes;

    const requested_attribute* attribute(std::string_view oid) const noexcept;  // of other_attributes
};

// A request that nobody has proved to have made: structure only. Its key and its signature are not looked at (for
// server-side key generation, where RFC 7030 4.4.1 has both ignored; all else parses through verified_csr or
// verified_kem_csr). Error bad_csr: not exactly one DER request of version 1; an attribute or extension that is malformed,
// there twice or empty (an extKeyUsage without a purpose); a subject with octets that are no text, with control characters,
// or longer than RFC 5280's upper bounds.
result<csr_contents> parse_csr_contents(bytes_view der);

// Whether the certificate has just this one: kind, criticality and octets.
bool has_extension(const certificate& c, const requested_extension& wanted);

// The names of a certificate as its issuer wrote them, for comparing with those of a request.
struct certificate_names {
    distinguished_name subject;
    subject_alt_names alt_names;
    bytes alt_names_value;
    std::vector<std::string> other_alt_names;
};
// Error bad_certificate: its subject is no text.
result<certificate_names> names_of(const certificate& c);

}  // namespace berth::pki

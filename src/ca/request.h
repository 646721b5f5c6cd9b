// What a request asks for, whatever form it came in. Everything in it is honoured, or the request is refused: nothing is dropped
// on the way.
#pragma once

#include "pki/csr_contents.h"
#include "pki/epoch.h"
#include "pki/issue.h"

namespace berth::ca {

// What a CA alone says in a certificate: subjectKeyIdentifier, authorityKeyIdentifier, where lists, OCSP and the issuer are,
// policies, nocheck, and Berth's epoch. Clients that have a certificate renewed copy all of it into the request (libest).
inline constexpr std::array<std::string_view, 8> issuers_extensions{
    "2.5.29.14", "2.5.29.35", "2.5.29.31", "2.5.29.46", "1.3.6.1.5.5.7.1.1", "2.5.29.32", "1.3.6.1.5.5.7.48.1.5", pki::oid_epoch};

struct asked {
    bytes spki;  // possession of the key has been proved
    pki::distinguished_name subject;
    pki::subject_alt_names alt_names;
    std::optional<uint16_t> key_usage = {};
    std::optional<std::vector<std::string>> extended_key_usages = {};  // there, and empty: refused
    std::optional<bool> is_ca = {};
    std::optional<uint32_t> path_length = {};
    // Of issuers_extensions: honoured if the certificate has them octet for octet, and otherwise the request is refused.
    std::vector<pki::requested_extension> as_issued = {};
    // OIDs and names of what nobody here could honour: extensions, attributes, kinds of names.
    std::vector<std::string> not_understood = {};
};

// Of a request whose key was shown to be the requester's: verified_csr::asks(), verified_kem_csr::asks().
asked asked_by(const pki::csr_contents& request);

}  // namespace berth::ca

// What a CA that keeps records puts into certificates beside their template: where it publishes what became of them, and the
// device's epoch.
#pragma once

#include "pki/issue.h"

namespace berth::pki {

struct issued_extras {
    std::vector<std::string> crl_urls;     // RFC 5280 4.2.1.13: one distribution point, all of whose names lead to one list
    std::vector<std::string> delta_urls;   // 4.2.1.15, freshestCRL
    std::vector<std::string> ocsp_urls;    // 4.2.2.1, id-ad-ocsp
    std::vector<std::string> issuer_urls;  // 4.2.2.1, id-ad-caIssuers
    std::optional<uint32_t> epoch;         // pki/epoch.h
    // RFC 6960 4.2.2.2.1: the word of this responder's certificate is taken without asking about it in turn.
    bool ocsp_no_check = false;
};

// As issue() of issue.h. Errors also `bad_template`: an address is no URI.
result<certificate> issue(const certificate_template& contents, const issued_extras& extras, bytes_view subject_spki,
                          const certificate& issuer, const crypto::signing_key& issuer_key, random_source& random);

// The addresses in a certificate; empty where there are none, or where they are malformed.
struct published_at {
    std::vector<std::string> crls, deltas, ocsp, issuers;
};
published_at addresses_in(const certificate& c);

inline constexpr std::string_view oid_ocsp_signing = "1.3.6.1.5.5.7.3.9";
bool has_ocsp_no_check(const certificate& c);

}  // namespace berth::pki

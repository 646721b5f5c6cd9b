// Which certificates a revocation list speaks of: all of its issuer's; those that name its distribution point (RFC 5280 5.2.5);
// or, a delta (5.2.4), what has changed since a complete list of the same scope.
#pragma once

#include "pki/crl.h"

namespace berth::pki {

struct crl_scope {
    // The names of the one distribution point that the list belongs to, as in the certificates; empty: it speaks of all.
    std::vector<std::string> points;
    // A delta: the number of the complete list that it begins at.
    std::optional<uint64_t> delta_base;
    // Where the deltas of a complete list are.
    std::vector<std::string> delta_urls = {};
    friend bool operator==(const crl_scope&, const crl_scope&) = default;
};

// In a delta: what has been taken back.
inline constexpr auto remove_from_crl = static_cast<revocation_reason>(8);

const crl_scope& scope_of(const crl& list);
// Whether it speaks of this certificate, if it is of its issuer.
bool speaks_of(const crl& list, const certificate& subject);
// Whether a delta can be laid over a complete list of the same issuer: same scope, not begun after it, and newer.
bool continues(const crl& delta, const crl& complete);

// As issue_crl() of crl.h. Errors also `bad_template`: an address is no URI, a delta that begins at itself.
result<crl> issue_crl(const crl_template& contents, const crl_scope& scope, const certificate& issuer,
                      const crypto::signing_key& key);

}  // namespace berth::pki

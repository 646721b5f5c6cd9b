// Who asks the hub's API for something, and what he may: judged before anything that he asks for is looked at. Everybody else is
// refused.
//
// Either a certificate of an administrators' CA, whose key TLS has seen proved, or a token of a policy. Whoever shows a token is
// judged by that alone.
#pragma once

#include "hub/access/policies.h"
#include "pki/verify.h"

#include <map>
#include <memory>
#include <span>

namespace berth::hub {

struct caller {
    std::string name;  // for logs: "policy service", "CN=alice"
    right_set may;
};

class gate {
public:
    struct rules {
        std::string host;                        // of the resources that tokens are for
        std::optional<pki::trust_store> admins;  // nothing: certificates count for nothing
        pki::crl_policy lists = pki::crl_policy::if_present;
        std::map<std::string, right_set> by_name;  // of administrators, by common name; empty: each may do everything
    };
    explicit gate(rules by) : rules_(std::move(by)) {}

    struct shown {
        std::string_view authorization;                // the header's value; empty: none
        std::span<const pki::certificate> leaf_first;  // whose key the peer has
        std::string_view path;                         // of the request, decoded, without the query
    };
    // `keys`: null, where tokens are not taken. Errors (peer), of which only logs tell: `no_credentials`; `client_not_trusted`;
    // `not_an_admin`; `tokens_refused`; `unknown_policy`; `wrong_resource`; those of sas_token.
    [[nodiscard]] result<caller> admit(const shown& by, const policies* keys, unix_seconds now) const;

private:
    [[nodiscard]] result<caller> by_certificate(std::span<const pki::certificate> leaf_first, unix_seconds now) const;
    [[nodiscard]] result<caller> by_token(const shown& by, const policies* keys, unix_seconds now) const;
    rules rules_;
};

}  // namespace berth::hub

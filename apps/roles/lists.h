// The revocation lists that a role was given: read once, for its trust and for whoever watches the files.
#pragma once

#include "base/clock.h"
#include "pki/crl.h"
#include "pki/trust.h"
#include "pki/verify.h"
#include "roles/config.h"

#include <set>

namespace berth::app {

// A list that counts: of each issuer and distribution point the newest, whatever others the files hold.
struct list_in_force {
    std::filesystem::path file;
    pki::crl list;
    std::string
        issuer;  // tells CAs of one name from each other: by their keys, or what the lists say of these; and distribution points
    std::set<std::string> anchors;  // the roots that vouch for it, as in role_lists; none: not known
};
// What a role goes by.
struct role_lists {
    std::vector<list_in_force> in_force;
    std::set<std::string> anchors;  // by their keys, in whatever files they are
    void add(role_lists more);
};

struct masa_lists {
    std::vector<pki::crl> devices, registrars;
    role_lists all;
};
// Errors of read_crls, `duplicate_crl`, `unknown_crl_issuer` of the devices' lists. A registrar's issuer may be any CA below a
// registered root.
result<masa_lists> read_masa_lists(const masa_config& config, const std::vector<pki::certificate>& roots,
                                   const std::vector<pki::certificate>& issuers);
struct maker_lists {
    std::vector<pki::crl> crls;
    std::vector<pki::certificate> issuers;  // whose they are, besides the root
    role_lists all;
};
// Errors of read_crls and certificates, `duplicate_crl`, `unknown_crl_issuer`.
result<maker_lists> read_maker_lists(const maker_config& config, const pki::certificate& root);

struct element_lists {
    std::vector<pki::crl> crls;
    role_lists all;
};
// Errors of read_crls, `duplicate_crl`, `unknown_crl_issuer`.
result<element_lists> read_element_lists(const element_config& config, const std::vector<pki::certificate>& makers,
                                         const std::vector<pki::certificate>& issuers);

// The same of one [[est.trust]].
result<element_lists> read_est_lists(const est_trust_config& config, const std::vector<pki::certificate>& anchors,
                                     const std::vector<pki::certificate>& issuers);

// The same of administrators of [hub].
result<element_lists> read_hub_lists(const hub_config& config, const std::vector<pki::certificate>& admins);

// The same of [ca] with `est`: of the CA elsewhere that issues.
result<element_lists> read_est_ca_lists(const est_ca_config& config, const std::vector<pki::certificate>& anchors);

// What a rule says of lists.
pki::crl_policy lists_of_rule(revocation_rule rule);

// Nobody who was revoked comes back because a wrong or an old file was put in a list's place: who had a list, and still vouches
// for anybody, has one, and none that is older. Errors `crl_missing`, `crl_older`.
result<void> must_follow(const role_lists& former, const role_lists& next);

}  // namespace berth::app

#include "hub/access/gate.h"

#include "base/wipe.h"
#include "hub/access/sas_token.h"
#include "pki/client_chain.h"
#include "pki/subject_name.h"

#include <fmt/format.h>

namespace berth::hub {

namespace {

tl::unexpected<error> refuse(const char* name, std::string why) {
    return fail(error_category::peer, name, std::move(why));
}

}  // namespace

result<caller> gate::admit(const shown& by, const policies* keys, unix_seconds now) const {
    if (!by.authorization.empty()) {
        return by_token(by, keys, now);
    }
    if (by.leaf_first.empty()) {
        return refuse("no_credentials", "Neither a certificate nor a token was shown.");
    }
    return by_certificate(by.leaf_first, now);
}

result<caller> gate::by_certificate(std::span<const pki::certificate> leaf_first, unix_seconds now) const {
    if (!rules_.admins) {
        return refuse("client_not_trusted", "Certificates count for nothing here: no administrators' CA is configured.");
    }
    pki::verify_options how;
    how.time = pki::validity_instants::at(now);
    how.leaf = pki::leaf_rule::signature;
    how.revocation = rules_.lists;
    how.allow_rsa = true;
    const auto verified = pki::verify_client_chain(*rules_.admins, leaf_first, how);
    if (!verified) {
        return refuse("client_not_trusted", "The certificate shown is no administrator's: " + verified.error().message);
    }
    const auto& leaf = verified->leaf();
    // RFC 5280 4.2.1.12: "the certificate MUST only be used for one of the purposes indicated"; and one must be this.
    if (!leaf.has_eku(pki::oid_client_auth)) {
        return refuse("client_not_trusted", "The certificate shown is not one for clients (id-kp-clientAuth).");
    }
    if (rules_.by_name.empty()) {
        return caller{leaf.subject(), right_set::all()};
    }
    const auto name = pki::only_common_name(leaf);
    const auto found = name ? rules_.by_name.find(*name) : rules_.by_name.end();
    if (found == rules_.by_name.end()) {
        return refuse("not_an_admin",
                      fmt::format("{} is not among the administrators that the configuration names.", leaf.subject()));
    }
    return caller{leaf.subject(), found->second};
}

result<caller> gate::by_token(const shown& by, const policies* keys, unix_seconds now) const {
    if (!keys) {
        return refuse("tokens_refused", "Tokens are not taken here.");
    }
    BERTH_TRY(token, sas_token::parse(by.authorization));
    const policy* const of = keys->find(token.policy);
    if (!of) {
        return refuse("unknown_policy", "The token is of no policy that there is.");
    }
    auto good = token.check(of->primary, now);
    if (!good && good.error().is("bad_token")) {
        good = token.check(of->secondary, now);
    }
    wipe(token.signature);
    if (!good) {
        return fail(std::move(good).error());
    }
    if (!token.covers(rules_.host + std::string(by.path))) {
        return refuse("wrong_resource", "The token is for another resource.");
    }
    return caller{"policy " + of->name, of->rights};
}

}  // namespace berth::hub

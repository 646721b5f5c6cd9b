#include "hub/login/chain.h"

#include "hub/login/left_names.h"
#include "pki/client_chain.h"
#include "pki/constraints.h"
#include "pki/epoch.h"
#include "pki/subject_name.h"

#include <algorithm>

namespace berth::hub {

namespace {

constexpr size_t most_intermediates = 8;

login_refusal refusal_of(const error& e) {
    constexpr std::array<std::pair<std::string_view, login_refusal>, 11> known{{
        {"unknown_issuer", login_refusal::unknown_ca},
        {"certificate_expired", login_refusal::certificate_expired},
        {"certificate_not_yet_valid", login_refusal::certificate_not_yet_valid},
        {"certificate_revoked", login_refusal::certificate_revoked},
        // Nobody knows whether it is: that lets nobody in.
        {"crl_missing", login_refusal::certificate_revoked},
        {"crl_expired", login_refusal::certificate_revoked},
        {"crl_not_yet_valid", login_refusal::certificate_revoked},
        {"bad_crl", login_refusal::certificate_revoked},
        {"weak_key", login_refusal::weak_key},
        {"name_constraint_violated", login_refusal::name_constraint_violated},
        {"path_too_long", login_refusal::path_too_long},
    }};
    const auto* const found =
        std::ranges::find(known, std::string_view(e.name), &std::pair<std::string_view, login_refusal>::first);
    return found != known.end() ? found->second : login_refusal::bad_certificate;
}

std::optional<registry::identity_name> name_of(const pki::certificate& leaf, const name_rule& rule) {
    const auto parsed = [](std::string_view text) -> std::optional<registry::identity_name> {
        auto name = registry::parse_identity_name(text);
        return name ? std::optional(std::move(*name)) : std::nullopt;
    };
    if (const auto common = pki::only_common_name(leaf)) {
        if (auto name = parsed(*common)) {
            return name;
        }
    }
    if (!rule.alternative_names) {
        return std::nullopt;
    }
    std::vector<std::string> found;
    for (const auto& uri : leaf.uris()) {
        if (uri.starts_with(device_name_uri)) {
            found.push_back(uri.substr(device_name_uri.size()));
        }
    }
    if (found.empty()) {
        found = leaf.dns_names();
    }
    // Of several, every reader would take another one.
    return found.size() == 1 ? parsed(found.front()) : std::nullopt;
}

}  // namespace

result<void> check_login_leaf(const pki::certificate& leaf) {
    // RFC 5280 4.2.1.12: where it says what it is for, it must be for this.
    const auto& uses = leaf.extended_key_usages();
    if (!uses.empty() && !leaf.has_eku(pki::oid_client_auth) && !leaf.has_eku(pki::oid_any_extended_key_usage)) {
        return fail(error_category::peer, "bad_certificate", leaf.subject() + " is not for TLS clients (extKeyUsage).");
    }
    if (leaf.is_ca()) {
        return fail(error_category::peer, "bad_certificate", leaf.subject() + " is a CA's certificate, and no device's.");
    }
    if (leaf.key_usage() && (*leaf.key_usage() & pki::digital_signature) == 0) {
        return fail(error_category::peer, "bad_key_usage", leaf.subject() + " is not for signatures (keyUsage).");
    }
    return {};
}

result<pki::verified_chain> verify_login_chain(const pki::trust_store& store, std::span<const pki::certificate> leaf_first,
                                               unix_seconds now) {
    pki::verify_options how;
    how.time = pki::validity_instants::at(now);
    how.leaf = pki::leaf_rule::signature;
    how.max_intermediates = most_intermediates;
    how.allow_rsa = true;
    if (!leaf_first.empty()) {
        BERTH_CHECK(check_login_leaf(leaf_first.front()));
    }
    BERTH_TRY(verified, pki::verify_client_chain(store, leaf_first, how));
    BERTH_CHECK(pki::check_stand_ins(verified));
    BERTH_CHECK(check_names_left(verified));
    return verified;
}

judged_chain judge_chain(const login_trust& trust, std::span<const pki::certificate> leaf_first, const name_rule& names,
                         unix_seconds now) {
    judged_chain out;
    const auto refuse = [&out](login_refusal r, std::string why) {
        out.refusal = r;
        out.why = std::move(why);
    };
    if (leaf_first.empty()) {
        refuse(login_refusal::no_certificate, "The peer sent no certificate.");
        return out;
    }
    const pki::certificate& leaf = leaf_first.front();
    out.thumbprint = leaf.sha256();
    out.subject = leaf.subject();
    out.serial = leaf.serial_hex();
    out.not_before = leaf.not_before();
    out.not_after = leaf.not_after();
    out.name = name_of(leaf, names);
    const auto epoch = pki::epoch_of(leaf);
    if (!epoch) {
        refuse(login_refusal::bad_certificate, epoch.error().message);
        return out;
    }
    out.epoch = *epoch;
    if (!trust.store()) {
        refuse(login_refusal::unknown_ca, "No CA is registered, verified and in force.");
        return out;
    }
    const auto verified = verify_login_chain(*trust.store(), leaf_first, now);
    if (!verified) {
        refuse(refusal_of(verified.error()), verified.error().message);
        return out;
    }
    out.ca = verified->anchor().sha256();
    const auto chain = verified->chain();
    for (size_t i = 0; i < chain.size(); ++i) {
        const auto& issuer = i + 1 < chain.size() ? chain[i + 1] : verified->anchor();
        out.path.push_back({chain[i].serial(), issuer.spki_sha256(), chain[i].sha256()});
        out.not_after = std::min(out.not_after, chain[i].not_after());
    }
    out.not_after = std::min(out.not_after, verified->anchor().not_after());
    return out;
}

}  // namespace berth::hub

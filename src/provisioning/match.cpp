#include "provisioning/match.h"

#include "hub/login/chain.h"
#include "pki/subject_name.h"

#include <fmt/format.h>

namespace berth::provisioning {

namespace {

using namespace registry;

tl::unexpected<error> refuse(std::string name, std::string why) {
    return fail(error_category::peer, std::move(name), std::move(why));
}

result<void> check_enabled(const enrolment& e) {
    if (!e.settings.enabled) {
        return refuse("enrolment_disabled", fmt::format("The {} enrolment \"{}\" is disabled.", to_string(e.kind), e.id));
    }
    return {};
}

// By one of two certificates, whoever signed them: that it is a device's, and in force, is all that counts
// besides.
result<matched> match_individual(enrolment found, const pki::certificate& leaf, std::string_view registration_id,
                                 unix_seconds now) {
    const auto& rule = found.settings.attestation;
    const auto is_leaf = [&](const std::optional<pki::certificate>& c) { return c && c->sha256() == leaf.sha256(); };
    if (!is_leaf(rule.primary) && !is_leaf(rule.secondary)) {
        return refuse("other_certificate",
                      fmt::format("The individual enrolment \"{}\" is for another certificate than the one shown.", found.id));
    }
    BERTH_CHECK(check_enabled(found));
    BERTH_CHECK(hub::check_login_leaf(leaf));
    if (now > leaf.not_after()) {
        return refuse("certificate_expired", fmt::format("{} expired at {}.", leaf.subject(), to_iso8601(leaf.not_after())));
    }
    if (now < leaf.not_before()) {
        return refuse("certificate_not_yet_valid",
                      fmt::format("{} is valid from {} on.", leaf.subject(), to_iso8601(leaf.not_before())));
    }
    login_rule login{login_way::thumbprint, std::nullopt, std::nullopt};
    const auto print = [](const std::optional<pki::certificate>& c) { return c ? std::optional(c->sha256()) : std::nullopt; };
    login.primary = print(rule.primary);
    login.secondary = print(rule.secondary);
    std::string device = found.settings.device_id.empty() ? found.id : found.settings.device_id;
    return matched{std::move(found), std::string(registration_id), std::move(device), login, leaf.sha256(), {leaf}};
}

// One way up, where there are several.
std::vector<pki::certificate> vouched_by(const pki::certificate& leaf, std::span<const issuer_above> issuers) {
    std::vector<pki::certificate> out{leaf};
    for (const auto& one : issuers) {
        if (one.distance == out.size()) {
            out.push_back(one.certificate);
        }
    }
    return out;
}

// The first group that there is for an issuer decides, whatever those further up would say.
result<matched> match_group(provisioning_registry& records, const enrolment_trust& trust, const caller& who,
                            std::string_view registration_id, std::string device, unix_seconds now) {
    BERTH_TRY(issuers, trust.issuers_of(who.chain, now));
    for (const auto& issuer : issuers) {
        for (const auto* const ca : trust.registrations_of(issuer.certificate)) {
            BERTH_TRY(group, records.group_of(ca->name));
            if (!group) {
                continue;
            }
            BERTH_CHECK(check_enabled(*group));
            if (!ca->counts(now)) {
                return refuse("authority_not_in_force",
                              fmt::format("The CA \"{}\" of the enrolment group \"{}\" is not verified, or no longer in force.",
                                          ca->name, group->id));
            }
            BERTH_CHECK(check_name_part("device", device));
            return matched{std::move(*group),          std::string(registration_id),
                           std::move(device),          login_rule{login_way::certificate_authority, std::nullopt, std::nullopt},
                           who.chain.front().sha256(), vouched_by(who.chain.front(), issuers)};
        }
    }
    return refuse("not_enrolled", fmt::format("No enrolment group is for any of the {} CAs above {}.", issuers.size(),
                                              who.chain.front().subject()));
}

}  // namespace

result<matched> match_tpm(provisioning_registry& records, const tpm_claim& claim, std::string_view registration_id) {
    BERTH_CHECK(check_registration_id(registration_id));
    BERTH_TRY(found, records.find(enrolment_kind::individual, registration_id));
    if (!found || !found->settings.attestation.by_tpm()) {
        return refuse("not_enrolled", fmt::format("No individual enrolment by TPM is for \"{}\".", registration_id));
    }
    const auto& rule = found->settings.attestation;
    const auto is = [](const attestation::public_area& shown, const bytes& enrolled) {
        const auto area = attestation::storage_key_from(enrolled);
        return area && area->name() == shown.name();
    };
    if (!is(claim.endorsement, rule.endorsement_key) ||
        (!rule.storage_root_key.empty() && !is(claim.storage_root, rule.storage_root_key))) {
        return refuse("other_certificate", fmt::format("The individual enrolment \"{}\" is for another TPM.", found->id));
    }
    BERTH_CHECK(check_enabled(*found));
    std::string device = found->settings.device_id.empty() ? found->id : found->settings.device_id;
    return matched{std::move(*found),
                   std::string(registration_id),
                   std::move(device),
                   login_rule{login_way::shared_key, std::nullopt, std::nullopt},
                   claim.print(),
                   {},
                   claim};
}

result<matched> match_enrolment(provisioning_registry& records, const enrolment_trust& trust, const caller& who,
                                std::string_view registration_id, unix_seconds now) {
    BERTH_CHECK(check_registration_id(registration_id));
    if (who.chain.empty()) {
        return refuse("no_certificate", "The peer sent no certificate.");
    }
    const pki::certificate& leaf = who.chain.front();
    BERTH_TRY(name, pki::only_common_name(leaf));
    if (!same_registration_id(name, registration_id)) {
        return refuse("name_mismatch",
                      fmt::format("The certificate of {} is not that of \"{}\".", leaf.subject(), registration_id));
    }
    BERTH_TRY(individual, records.find(enrolment_kind::individual, registration_id));
    if (individual) {
        return match_individual(std::move(*individual), leaf, registration_id, now);
    }
    return match_group(records, trust, who, registration_id, std::move(name), now);
}

}  // namespace berth::provisioning

#include "hub/login/login.h"

#include <fmt/format.h>

namespace berth::hub {

namespace {

using registry::identity;
using registry::identity_name;
using registry::login_way;

login_answer refused(login_refusal r, std::string why) {
    return {std::nullopt, r, std::move(why)};
}

// By a registered CA: its certificate bears its name.
std::optional<login_answer> judge_by_ca(const identity& who, const judged_chain& chain) {
    if (chain.refusal) {
        return refused(*chain.refusal, chain.why);
    }
    if (!chain.ca) {
        return refused(login_refusal::no_certificate, "The certificate was not judged.");
    }
    if (!chain.name) {
        return refused(login_refusal::bad_certificate, fmt::format("{} bears no name of a device or module.", chain.subject));
    }
    if (*chain.name != who.name) {
        return refused(login_refusal::name_mismatch, fmt::format("The certificate is that of \"{}\".", chain.name->text()));
    }
    return std::nullopt;
}

// By one of two certificates, whatever stands in them and whoever signed them: times count, names do not.
std::optional<login_answer> judge_by_thumbprint(const identity& who, const judged_chain& chain, unix_seconds now) {
    const auto& rule = who.settings.login;
    if (chain.refusal == login_refusal::no_certificate) {
        return refused(*chain.refusal, chain.why);
    }
    if (chain.thumbprint != rule.primary && chain.thumbprint != rule.secondary) {
        return refused(login_refusal::thumbprint_mismatch, "The certificate is neither of the two that are registered.");
    }
    if (now > chain.not_after) {
        return refused(login_refusal::certificate_expired, fmt::format("It expired at {}.", to_iso8601(chain.not_after)));
    }
    if (now < chain.not_before) {
        return refused(login_refusal::certificate_not_yet_valid,
                       fmt::format("It is valid from {} on.", to_iso8601(chain.not_before)));
    }
    return std::nullopt;
}

// By a token that one of its two keys has made.
result<std::optional<login_answer>> judge_by_key(registry::hub_registry& hub, const identity& who, const judged_words* words,
                                                 unix_seconds now) {
    if (words == nullptr) {
        return refused(login_refusal::login_not_allowed,
                       fmt::format("\"{}\" logs in by a shared key, and has shown no token.", who.name.text()));
    }
    BERTH_TRY(settings, hub.settings());
    if (!settings.takes_key_of(who.name)) {
        return refused(login_refusal::shared_keys_off,
                       fmt::format("The hub lets no {} in by a shared key.", who.name.is_module() ? "module" : "device"));
    }
    if (words->refusal) {
        return refused(*words->refusal, words->why);
    }
    if (!settings.host_name.empty() && words->host != settings.host_name) {
        return refused(login_refusal::wrong_resource,
                       fmt::format("The token is for the host {}, and this is {}.", words->host, settings.host_name));
    }
    BERTH_TRY(keys, hub.keys_of(who.name));
    if (!keys) {
        return refused(login_refusal::bad_token, fmt::format("\"{}\" has no keys.", who.name.text()));
    }
    // Both are tried, whichever it is.
    const auto by_primary = words->token.check(keys->primary, now);
    const auto by_secondary = words->token.check(keys->secondary, now);
    if (by_primary || by_secondary) {
        return std::nullopt;
    }
    for (const auto* one : {&by_primary, &by_secondary}) {
        if (one->error().name == "token_expired") {
            return refused(login_refusal::token_expired, one->error().message);
        }
    }
    return refused(login_refusal::bad_token, by_primary.error().message);
}

std::optional<login_answer> judge_epoch(const identity& who, const judged_chain& chain) {
    return epoch_passed(who, chain.epoch, chain.not_before)
               ? std::optional(refused(login_refusal::epoch_passed,
                                       fmt::format("Its certificates up to {} were ended.", to_iso8601(who.epoch_raised))))
               : std::nullopt;
}

// The identity, if it may log in at all.
result<std::optional<identity>> find_enabled(registry::hub_registry& hub, const identity_name& name, login_answer& why_not) {
    BERTH_TRY(found, hub.find(name));
    if (!found) {
        why_not = refused(login_refusal::unknown_identity, fmt::format("\"{}\" is not in the registry.", name.text()));
        return std::nullopt;
    }
    if (!found->settings.enabled) {
        why_not = refused(login_refusal::disabled, fmt::format("\"{}\" is disabled.", name.text()));
        return std::nullopt;
    }
    if (name.is_module()) {
        BERTH_TRY(device, hub.find({name.device, ""}));
        if (!device || !device->settings.enabled) {
            why_not =
                refused(login_refusal::device_disabled, fmt::format("\"{}\" is disabled, and its modules with it.", name.device));
            return std::nullopt;
        }
    }
    return found;
}

}  // namespace

bool epoch_passed(const identity& who, std::optional<uint32_t> epoch, unix_seconds not_before) {
    return epoch ? *epoch < who.epoch : who.epoch_raised != 0 && not_before <= who.epoch_raised;
}

login_answer judge_login(registry::hub_registry& hub, const judged_chain& chain, std::string_view claimed, unix_seconds now,
                         const judged_words* words) {
    const auto name = registry::parse_identity_name(claimed);
    if (!name) {
        return refused(login_refusal::bad_name, name.error().message);
    }
    login_answer out;
    const auto found = find_enabled(hub, *name, out);
    if (!found) {
        return refused(login_refusal::registry_unavailable, found.error().message);
    }
    if (!*found) {
        return out;
    }
    const identity& who = **found;
    const login_way way = who.settings.login.way;
    if (way == login_way::shared_key) {
        auto why_not = judge_by_key(hub, who, words, now);
        if (!why_not) {
            return refused(login_refusal::registry_unavailable, why_not.error().message);
        }
        if (*why_not) {
            return std::move(**why_not);
        }
        out.in = admitted{who, words->token.expiry - 1, std::nullopt, true};
        return out;
    }
    std::optional<login_answer> why_not;
    if (way == login_way::none || (words != nullptr && chain.refusal == login_refusal::no_certificate)) {
        why_not = refused(login_refusal::login_not_allowed,
                          fmt::format("\"{}\" does not log in by {} ({}).", who.name.text(),
                                      words != nullptr ? "a shared key" : "certificate", to_string(way)));
    } else if (way == login_way::certificate_authority) {
        why_not = judge_by_ca(who, chain);
    } else {
        why_not = judge_by_thumbprint(who, chain, now);
    }
    if (!why_not) {
        why_not = judge_epoch(who, chain);
    }
    if (why_not) {
        return std::move(*why_not);
    }
    const bool by_ca = way == login_way::certificate_authority;
    out.in = admitted{who, chain.not_after, by_ca ? chain.ca : std::nullopt};
    return out;
}

}  // namespace berth::hub

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

login_answer judge_login(registry::hub_registry& hub, const judged_chain& chain, std::string_view claimed, unix_seconds now) {
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
    std::optional<login_answer> why_not;
    switch (who.settings.login.way) {
    case login_way::certificate_authority: why_not = judge_by_ca(who, chain); break;
    case login_way::thumbprint: why_not = judge_by_thumbprint(who, chain, now); break;
    case login_way::shared_key:
    case login_way::none:
        why_not = refused(login_refusal::login_not_allowed, fmt::format("\"{}\" does not log in by certificate ({}).",
                                                                        who.name.text(), to_string(who.settings.login.way)));
        break;
    }
    if (!why_not) {
        why_not = judge_epoch(who, chain);
    }
    if (why_not) {
        return std::move(*why_not);
    }
    const bool by_ca = who.settings.login.way == login_way::certificate_authority;
    out.in = admitted{who, chain.not_after, by_ca ? chain.ca : std::nullopt};
    return out;
}

}  // namespace berth::hub

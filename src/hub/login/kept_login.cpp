#include "hub/login/kept_login.h"

#include "crypto/constant_time.h"
#include "crypto/hash.h"
#include "wire/base64.h"
#include "wire/json.h"

#include <fmt/format.h>

#include <algorithm>

namespace berth::hub {

namespace {

using registry::login_way;
using print = std::array<uint8_t, 32>;

constexpr size_t most_path = 16;

print print_of(const secret_bytes& key) {
    const auto digest = crypto::sha256(key.reveal());
    print out{};
    std::ranges::copy(digest.view(), out.begin());
    return out;
}

result<print> print_member(const wire::json::object& of, std::string_view name) {
    BERTH_TRY(text, wire::text_member(of, name));
    BERTH_TRY(octets, wire::from_base64(text));
    print out{};
    if (octets.size() != out.size()) {
        return fail(error_category::usage, "bad_json", fmt::format("\"{}\" is of 32 octets", name));
    }
    std::ranges::copy(octets, out.begin());
    return out;
}

login_answer refused(login_refusal r, std::string why) {
    return {std::nullopt, r, std::move(why)};
}

result<login_answer> judge_key(registry::hub_registry& hub, const print& key, std::string_view claimed) {
    BERTH_TRY(name, registry::parse_identity_name(claimed));
    BERTH_TRY(who, hub.find(name));
    if (!who) {
        return refused(login_refusal::unknown_identity, fmt::format("\"{}\" is not in the registry.", claimed));
    }
    if (!who->settings.enabled) {
        return refused(login_refusal::disabled, fmt::format("\"{}\" is disabled.", claimed));
    }
    if (who->settings.login.way != login_way::shared_key) {
        return refused(login_refusal::login_not_allowed, fmt::format("\"{}\" logs in by a shared key no longer.", claimed));
    }
    BERTH_TRY(settings, hub.settings());
    if (!settings.takes_key_of(name)) {
        return refused(login_refusal::shared_keys_off, "The hub lets none of its kind in by a shared key.");
    }
    BERTH_TRY(keys, hub.keys_of(name));
    if (!keys || (!crypto::equal(print_of(keys->primary), key) && !crypto::equal(print_of(keys->secondary), key))) {
        return refused(login_refusal::bad_token, "The key by which it came is none of its keys any more.");
    }
    return login_answer{admitted{std::move(*who), 0, std::nullopt, true}, {}, {}};
}

}  // namespace

result<kept_login> keep_login(registry::hub_registry& hub, const registry::identity& who, const judged_chain& chain,
                              const judged_words* words, unix_seconds now) {
    kept_login out;
    if (who.settings.login.way != login_way::shared_key) {
        out.chain = chain;
        out.chain.sent.reset();
        return out;
    }
    BERTH_TRY(keys, hub.keys_of(who.name));
    if (words == nullptr || !keys) {
        return fail(error_category::peer, "bad_token", "It has come by no key of its own.");
    }
    out.key = print_of(words->token.check(keys->primary, now) ? keys->primary : keys->secondary);
    return out;
}

std::string to_text(const kept_login& of) {
    if (of.key) {
        return wire::to_text(wire::json::object{{"key", wire::base64(*of.key)}});
    }
    const auto& chain = of.chain;
    wire::json::object out{
        {"thumbprint", wire::base64(chain.thumbprint)}, {"from", chain.not_before}, {"until", chain.not_after}};
    if (chain.epoch) {
        out["epoch"] = *chain.epoch;
    }
    if (chain.name) {
        out["name"] = chain.name->text();
    }
    if (chain.ca) {
        out["ca"] = wire::base64(*chain.ca);
        wire::json::array path;
        for (const auto& one : chain.path) {
            path.push_back(wire::json::object{{"serial", wire::base64(one.serial)},
                                              {"issuer", wire::base64(one.issuer_key)},
                                              {"sha256", wire::base64(one.sha256)}});
        }
        out["path"] = std::move(path);
    }
    return wire::to_text(out);
}

result<kept_login> parse_kept_login(std::string_view text) {
    BERTH_TRY(all, wire::parse_json_object(text));
    kept_login out;
    auto& chain = out.chain;
    if (all.contains("key")) {
        BERTH_TRY(key, print_member(all, "key"));
        out.key = key;
        chain.refusal = login_refusal::no_certificate;
        return out;
    }
    BERTH_TRY(thumbprint, print_member(all, "thumbprint"));
    BERTH_TRY(from, wire::integer_member(all, "from"));
    BERTH_TRY(until, wire::integer_member(all, "until"));
    chain.thumbprint = thumbprint;
    chain.not_before = from;
    chain.not_after = until;
    if (all.contains("epoch")) {
        BERTH_TRY(epoch, wire::integer_member(all, "epoch"));
        chain.epoch = static_cast<uint32_t>(epoch);
    }
    if (all.contains("name")) {
        BERTH_TRY(said, wire::text_member(all, "name"));
        BERTH_TRY(name, registry::parse_identity_name(said));
        chain.name = std::move(name);
    }
    if (!all.contains("ca")) {
        chain.refusal = login_refusal::unknown_ca;
        chain.why = "No CA vouched for it.";
        return out;
    }
    BERTH_TRY(ca, print_member(all, "ca"));
    chain.ca = ca;
    const auto* const path = all.if_contains("path");
    if (path == nullptr || !path->is_array() || path->get_array().empty() || path->get_array().size() > most_path) {
        return fail(error_category::usage, "bad_json", "\"path\" is a list of certificates");
    }
    for (const auto& each : path->get_array()) {
        if (!each.is_object()) {
            return fail(error_category::usage, "bad_json", "\"path\" is a list of certificates");
        }
        BERTH_TRY(said, wire::text_member(each.get_object(), "serial"));
        BERTH_TRY(serial, wire::from_base64(said));
        BERTH_TRY(issuer, print_member(each.get_object(), "issuer"));
        BERTH_TRY(own, print_member(each.get_object(), "sha256"));
        chain.path.push_back({std::move(serial), issuer, own});
    }
    return out;
}

login_answer judge_kept_login(registry::hub_registry& hub, const kept_login& by, std::string_view claimed, unix_seconds now) {
    if (by.key) {
        auto out = judge_key(hub, *by.key, claimed);
        return out ? std::move(*out) : refused(login_refusal::registry_unavailable, out.error().message);
    }
    auto out = judge_login(hub, by.chain, claimed, now);
    if (out.in && now > out.in->until) {
        return refused(login_refusal::certificate_expired,
                       fmt::format("Its certificate ended at {}.", to_iso8601(out.in->until)));
    }
    return out;
}

}  // namespace berth::hub

#include "jose/key_set.h"

#include "base/wipe.h"
#include "jose/compact.h"
#include "jose/jwk_members.h"
#include "jose/keys.h"

#include <algorithm>
#include <array>

namespace berth::jose {

namespace json = wire::json;

namespace {

constexpr std::string_view keys_member = "keys";

error bad_key_set(const std::string& why) {
    return {error_category::usage, "bad_key_set", "The JSON Web Key Set is not taken: " + why + "."};
}

error at(size_t index, error why) {
    return std::move(why).during("key " + std::to_string(index) + " of the set");
}

error skipped(std::string name, std::string why) {
    return {error_category::incompatible, std::move(name), "The key is passed over: " + std::move(why) + "."};
}

struct key_type {
    std::string_view name;
    std::array<std::string_view, 3> required;
};
constexpr std::array types{key_type{"EC", {"crv", "x", "y"}}, key_type{"OKP", {"crv", "x", ""}},
                           key_type{"AKP", {"alg", "pub", ""}}, key_type{"oct", {"k", "", ""}}};

// Nothing: it is one of ours. Errors: members of the wrong kind.
result<std::optional<error>> why_not(const json::object& object) {
    const jwk_members jwk(object);
    BERTH_TRY(kty, jwk.optional_text("kty"));
    if (kty.empty()) {
        return std::optional(skipped("missing_member", "it has no \"kty\""));
    }
    const auto* const type = std::ranges::find(types, std::string_view(kty), &key_type::name);
    if (type == types.end()) {
        return std::optional(
            skipped("unknown_key_type", "its \"kty\" is \"" + kty.substr(0, 40) + "\", and not EC, OKP, AKP or oct"));
    }
    for (const auto name : type->required) {
        if (!name.empty() && !object.contains(name)) {
            return std::optional(skipped("missing_member", "it has no \"" + std::string(name) + "\""));
        }
    }
    BERTH_TRY(alg, jwk.optional_text("alg"));
    const auto as_key = key_alg_from(alg);
    if (!alg.empty() && !as_key && !signature_alg_from(alg)) {
        return std::optional(algorithm_refused(alg));
    }
    BERTH_TRY(crv, jwk.optional_text("crv"));
    const std::array<std::string_view, 4> curves{"P-256", "P-384", "X25519", "Ed25519"};
    if (!crv.empty() && std::ranges::find(curves, crv) == curves.end()) {
        return std::optional(
            skipped("unknown_curve", "its \"crv\" is \"" + crv.substr(0, 40) + "\", and none of P-256, P-384, X25519, Ed25519"));
    }
    if (as_key && is_hpke(*as_key)) {
        BERTH_TRY(draft, jwk.optional_text("draft"));
        if (draft != hpke_pq_draft) {
            return std::optional(skipped("unknown_draft", "its \"draft\" is not \"" + std::string(hpke_pq_draft) +
                                                              "\", which says what its \"alg\" means"));
        }
    }
    return std::optional<error>();
}

}  // namespace

bool is_key_set(const json::object& object) {
    return object.contains(keys_member) && !object.contains("kty");
}

result<key_set> key_set::read(std::string_view text) {
    if (text.size() > most_key_set) {
        return fail(error_category::usage, "key_set_too_large",
                    "A JSON Web Key Set may have " + std::to_string(most_key_set) + " octets; make two of it.");
    }
    auto set = wire::parse_json_object(text);
    return set ? of(*set) : fail(bad_key_set(set.error().message));
}

result<key_set> key_set::of(const json::object& set) {
    const auto* const member = set.if_contains(keys_member);
    const auto* const list = member != nullptr ? member->if_array() : nullptr;
    if (list == nullptr) {
        return fail(bad_key_set("it has no \"keys\" that is a list"));
    }
    if (list->size() > most_set_keys) {
        return fail(error_category::usage, "key_set_too_large",
                    "A JSON Web Key Set may have " + std::to_string(most_set_keys) + " keys; make two of it.");
    }
    key_set out;
    for (size_t i = 0; i < list->size(); ++i) {
        const auto* const jwk = (*list)[i].if_object();
        if (jwk == nullptr) {
            return fail(at(i, bad_key_set("an entry is no object")));
        }
        if (auto added = out.add(i, *jwk); !added) {
            return fail(at(i, std::move(added).error()));
        }
    }
    return out;
}

result<void> key_set::add(size_t index, const json::object& object) {
    const jwk_members jwk(object);
    BERTH_TRY(why, why_not(object));
    BERTH_TRY(kid, jwk.optional_text("kid"));
    if (kid.size() > most_kid) {
        return fail(bad_key_set("a \"kid\" has more than " + std::to_string(most_kid) + " characters"));
    }
    if (why) {
        skipped_.push_back({index, std::move(kid), std::move(*why)});
        return {};
    }
    BERTH_TRY(own, thumbprint(object));
    for (const auto& other : keys_) {
        if (other.thumbprint == own) {
            return fail(error{error_category::usage,
                              "duplicate_key",
                              "The JSON Web Key Set has a key twice (thumbprint " + own + "); take one of them out.",
                              {{"kid", own}}});
        }
        const bool same = !kid.empty() && (kid == other.kid || kid == other.thumbprint);
        if (same || own == other.kid) {
            const std::string& name = same ? kid : own;
            return fail(error{error_category::usage,
                              "duplicate_kid",
                              "Two keys of the JSON Web Key Set are called \"" + name + "\"; give each a name of its own.",
                              {{"kid", name}}});
        }
    }
    keys_.push_back({std::move(kid), std::move(own), object});
    return {};
}

result<json::object> key_set::find(std::string_view kid) const {
    if (kid.empty()) {
        return fail(error_category::peer, "kid_missing",
                    "The token does not say which key it is for (\"kid\"), and keys of a set are not tried one after the other. "
                    "Name the one key instead.");
    }
    for (const auto& one : keys_) {
        if (one.thumbprint == kid || one.kid == kid) {
            return one.jwk;
        }
    }
    std::string message = "The set has no key that the token may be for.";
    const auto passed = std::ranges::find(skipped_, kid, &skipped_key::kid);
    if (passed != skipped_.end()) {
        message += " One of that name is there: " + passed->why.message;
    }
    return fail(error{error_category::peer, "unknown_key", std::move(message), {{"kid", std::string(kid.substr(0, most_kid))}}});
}

}  // namespace berth::jose

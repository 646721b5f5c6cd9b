#include "jose/claims.h"

#include "wire/base64.h"

#include <algorithm>
#include <cstdlib>

namespace berth::jose {

namespace json = wire::json;

namespace {

constexpr size_t most_party = 256, least_id = 16, most_id = 64;
constexpr int64_t most_number = int64_t{1} << 53;  // what every reader of JSON keeps exactly
constexpr std::array<std::string_view, 7> registered{"iss", "aud", "iat", "exp", "nbf", "jti", "seq"};

error bad_claims(std::string_view name, std::string_view why) {
    return {error_category::peer,
            "bad_claims",
            "The token's claim \"" + std::string(name) + "\" " + std::string(why) + ".",
            {{"claim", std::string(name)}}};
}

result<std::string> text(const json::object& from, std::string_view name, size_t least, size_t most) {
    const auto* const value = from.if_contains(name);
    const auto* const found = value != nullptr ? value->if_string() : nullptr;
    // RFC 7519 4.1.3 lets "aud" be a list: one exact audience is what we ask for.
    if (found == nullptr || found->size() < least || found->size() > most) {
        return fail(
            bad_claims(name, "is not a text of " + std::to_string(least) + " to " + std::to_string(most) + " characters"));
    }
    return std::string(found->data(), found->size());
}

// RFC 7519 2, NumericDate: we take whole seconds only.
result<int64_t> number(const json::object& from, std::string_view name) {
    const auto* const value = from.if_contains(name);
    const auto* const found = value != nullptr ? value->if_int64() : nullptr;
    if (found == nullptr || *found < 0 || *found > most_number) {
        return fail(bad_claims(name, "is not a whole number from 0 to 2^53"));
    }
    return *found;
}

tl::unexpected<error> refused(std::string name, std::string why) {
    return fail(error_category::peer, std::move(name), std::move(why));
}

}  // namespace

std::string new_token_id(random_source& random) {
    constexpr size_t octets = 12;
    return wire::base64url(random.octets<octets>());
}

std::string to_text(const claims& c) {
    json::object out{{"iss", c.issuer}, {"aud", c.audience}, {"iat", c.issued_at}, {"exp", c.expires_at}, {"jti", c.id}};
    if (c.not_before) {
        out["nbf"] = *c.not_before;
    }
    if (c.sequence) {
        out["seq"] = *c.sequence;
    }
    for (const auto& [name, value] : c.body) {
        if (std::ranges::find(registered, std::string_view(name)) != registered.end()) {
            std::abort();
        }
        out[name] = value;
    }
    return wire::to_text(out);
}

result<claims> read_claims(bytes_view payload) {
    auto members = wire::parse_json_object(as_text(payload), most_token);
    if (!members) {
        return fail(malformed("its claims: " + members.error().message));
    }
    claims out;
    BERTH_TRY(issuer, text(*members, "iss", 1, most_party));
    BERTH_TRY(audience, text(*members, "aud", 1, most_party));
    BERTH_TRY(issued, number(*members, "iat"));
    BERTH_TRY(expires, number(*members, "exp"));
    BERTH_TRY(id, text(*members, "jti", least_id, most_id));
    if (members->contains("nbf")) {
        BERTH_TRY(from, number(*members, "nbf"));
        out.not_before = from;
    }
    if (members->contains("seq")) {
        BERTH_TRY(sequence, number(*members, "seq"));
        out.sequence = static_cast<uint64_t>(sequence);
    }
    out.issuer = std::move(issuer);
    out.audience = std::move(audience);
    out.issued_at = issued;
    out.expires_at = expires;
    out.id = std::move(id);
    for (const auto name : registered) {
        members->erase(name);
    }
    out.body = std::move(*members);
    return out;
}

result<void> check(const header& head, const claims& c, const token_rules& rules) {
    // RFC 8725 3.11: explicit typing.
    if (head.typ.empty() || (!rules.any_type && !same_type(head.typ, rules.type))) {
        return refused("wrong_type", "The token is of type \"" + head.typ + "\", and not \"" + std::string(rules.type) + "\".");
    }
    if (!rules.issuer.empty() && c.issuer != rules.issuer) {
        return refused("wrong_issuer", "The token is from somebody else.");
    }
    if (c.audience != rules.audience) {
        return refused("wrong_audience", "The token is for somebody else.");
    }
    if (c.expires_at <= c.issued_at || c.expires_at - c.issued_at > rules.most_life) {
        return refused("token_lives_too_long",
                       "The token ends before it begins, or lives longer than " + std::to_string(rules.most_life) + " seconds.");
    }
    if (rules.now == 0) {
        return {};
    }
    // RFC 7519 4.1.4: "the current date/time MUST be before the expiration date/time"
    if (rules.now >= c.expires_at + rules.skew) {
        return refused("token_expired", "The token has expired.");
    }
    if (c.issued_at > rules.now + rules.skew || (c.not_before && *c.not_before > rules.now + rules.skew)) {
        return refused("token_not_yet_valid", "The token is from the future: one of the clocks is wrong.");
    }
    return {};
}

result<std::string> sign_claims(const signing_key& key, std::string_view type, const claims& c) {
    return sign(key, as_bytes(to_text(c)), {{"typ", type}});
}

result<claims> verify_claims(const verification_key& key, std::string_view token, const token_rules& rules) {
    BERTH_TRY(proven, verify(key, token));
    BERTH_TRY(out, read_claims(proven.payload()));
    BERTH_CHECK(check(proven.head(), out, rules));
    return out;
}

}  // namespace berth::jose

#include "jose/compact.h"

#include "wire/base64.h"

#include <algorithm>

namespace berth::jose {

namespace json = wire::json;

error malformed(std::string_view why) {
    return {error_category::peer, "malformed", "The token is not well formed: " + std::string(why) + "."};
}

namespace {

error too_large(size_t most) {
    return {error_category::peer,
            "token_too_large",
            "The token, or its header, is longer than " + std::to_string(most) + " characters.",
            {{"most", std::to_string(most)}}};
}

result<void> read_text(const json::object& from, std::string_view name, size_t most, std::string& to) {
    const auto* const value = from.if_contains(name);
    if (value == nullptr) {
        return {};
    }
    const auto* const text = value->if_string();
    if (text == nullptr || text->empty() || text->size() > most) {
        return fail(malformed("\"" + std::string(name) + "\" is not a text of 1 to " + std::to_string(most) + " characters"));
    }
    to.assign(text->data(), text->size());
    return {};
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

result<token_kind> kind_of(std::string_view token) {
    constexpr auto dots_of_jws = 2, dots_of_jwe = 4;
    switch (std::ranges::count(token, '.')) {
    case dots_of_jws: return token_kind::signed_only;
    case dots_of_jwe: return token_kind::encrypted;
    default: return fail(malformed("it has neither three parts (signed) nor five (encrypted)"));
    }
}

result<void> split(std::string_view token, std::span<std::string_view> parts, size_t most) {
    if (token.size() > most) {
        return fail(too_large(most));
    }
    for (auto& part : parts) {
        const bool last = &part == &parts.back();
        const size_t dot = token.find('.');
        if ((dot == std::string_view::npos) != last) {
            return fail(malformed("it has not " + std::to_string(parts.size()) + " parts"));
        }
        part = token.substr(0, dot);
        token.remove_prefix(last ? token.size() : dot + 1);
    }
    return {};
}

result<header> read_header(std::string_view encoded) {
    if (encoded.size() > most_header) {
        return fail(too_large(most_header));
    }
    const auto octets = wire::from_base64url(encoded);
    if (!octets) {
        return fail(malformed("its header is not base64url without padding"));
    }
    auto members = wire::parse_json_object(as_text(*octets), most_header);
    if (!members) {
        return fail(malformed("its header: " + members.error().message));
    }
    header out;
    out.members = std::move(*members);
    // RFC 7515 4.1.11: "If any of the listed extension Header Parameters are not understood and supported by the recipient, then
    // the JWS is invalid." There is none that we understand.
    if (out.members.contains("crit") || out.members.contains("b64")) {
        return fail(error_category::peer, "critical_header", "The token's header demands an extension (crit) that is not known.");
    }
    // RFC 8725 3.6: "Compression of data SHOULD NOT be done before encryption".
    if (out.members.contains("zip")) {
        return fail(error_category::peer, "compressed", "The token is compressed, which is not taken.");
    }
    constexpr size_t most_name = 64;
    BERTH_CHECK(read_text(out.members, "alg", most_name, out.alg));
    BERTH_CHECK(read_text(out.members, "enc", most_name, out.enc));
    BERTH_CHECK(read_text(out.members, "kid", most_kid, out.kid));
    BERTH_CHECK(read_text(out.members, "typ", most_name, out.typ));
    BERTH_CHECK(read_text(out.members, "cty", most_name, out.cty));
    if (out.alg.empty()) {
        return fail(malformed("its header has no \"alg\""));
    }
    return out;
}

std::string write_header(const json::object& members) {
    return wire::base64url(as_bytes(wire::to_text(members)));
}

bool same_type(std::string_view a, std::string_view b) {
    constexpr std::string_view prefix = "application/";
    const auto bare = [prefix](std::string_view text) {
        const bool has = text.size() > prefix.size() && std::ranges::equal(text.substr(0, prefix.size()), prefix, {}, lower);
        return has ? text.substr(prefix.size()) : text;
    };
    return std::ranges::equal(bare(a), bare(b), {}, lower, lower);
}

}  // namespace berth::jose

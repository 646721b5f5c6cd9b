#include "registry/hub/identity.h"

#include "base/bytes.h"
#include "registry/hub/etag.h"
#include "wire/json.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::registry {

namespace {

constexpr std::array<std::pair<login_way, std::string_view>, 4> ways{{
    {login_way::certificate_authority, "certificateAuthority"},
    {login_way::thumbprint, "selfSigned"},
    {login_way::shared_key, "sas"},
    {login_way::none, "none"},
}};

bool may_stand_in_a_name(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view("-.%_*?!(),:=@$'").find(c) != std::string_view::npos;
}

tl::unexpected<error> bad_name(std::string_view what, std::string_view part, const std::string& why) {
    std::string shown;
    for (const char c : part.substr(0, most_identity_name + 1)) {
        shown += may_stand_in_a_name(c) || c == '/' || c == '+' || c == '#' ? c : '?';
    }
    return fail(error{error_category::usage,
                      "bad_identity_name",
                      fmt::format("the {}'s name \"{}\" {}", what, shown, why),
                      {{"name", shown}, {"what", std::string(what)}}});
}

tl::unexpected<error> bad(std::string member, std::string why) {
    return fail(error{error_category::usage, "bad_identity", member + " " + std::move(why), {{"member", member}}});
}

// UTF-8 without control characters: it stands in JSON, which knows no other.
bool is_printable(std::string_view text) {
    const bool no_controls = std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
    const bool ascii = std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    return no_controls && (ascii || wire::parse_json(wire::to_text(wire::json::value(text))).has_value());
}

}  // namespace

result<void> check_name_part(std::string_view what, std::string_view part) {
    if (part.empty()) {
        return bad_name(what, part, "is empty: it has 1 to 128 characters");
    }
    if (part.size() > most_identity_name) {
        return bad_name(what, part, fmt::format("has {} characters, of at most {}", part.size(), most_identity_name));
    }
    if (!std::ranges::all_of(part, may_stand_in_a_name)) {
        return bad_name(what, part,
                        "has a character that it may not have: letters, digits and - . % _ * ? ! ( ) , : = @ $ ' (ASCII)");
    }
    if (part.front() == '$') {
        return bad_name(what, part, "begins with '$': such names are the hub's own");
    }
    return {};
}

result<identity_name> parse_identity_name(std::string_view text) {
    const size_t slash = text.find('/');
    identity_name out{std::string(text.substr(0, slash)), ""};
    BERTH_CHECK(check_name_part("device", out.device));
    if (slash != std::string_view::npos) {
        out.module = text.substr(slash + 1);
        BERTH_CHECK(check_name_part("module", out.module));
    }
    return out;
}

std::string_view to_string(login_way w) {
    return ways[static_cast<size_t>(w)].second;
}

std::optional<login_way> login_way_from(std::string_view text) {
    const auto* const found = std::ranges::find(ways, text, &std::pair<login_way, std::string_view>::second);
    return found != ways.end() ? std::optional(found->first) : std::nullopt;
}

std::string identity::etag() const {
    return fmt::format("{:x}-{}", generation, version);
}

result<void> check_settings(const identity_settings& settings) {
    if (settings.status_reason.size() > most_status_reason || !is_printable(settings.status_reason)) {
        return bad("statusReason",
                   fmt::format("has up to {} octets of UTF-8, no control characters among them", most_status_reason));
    }
    if (settings.group.size() > most_group_name || !is_printable(settings.group)) {
        return bad("group", fmt::format("has up to {} octets of UTF-8, no control characters among them", most_group_name));
    }
    if (!settings.tags.empty()) {
        const auto tags = wire::parse_json_object(settings.tags, most_tags);
        if (!tags) {
            return bad("tags", fmt::format("are one JSON object of up to {} octets: {}", most_tags, tags.error().message));
        }
    }
    const bool by_thumbprint = settings.login.way == login_way::thumbprint;
    const bool has_one = settings.login.primary || settings.login.secondary;
    if (by_thumbprint && !has_one) {
        return bad("x509Thumbprint", "has primaryThumbprint or secondaryThumbprint: who logs in by thumbprint needs one");
    }
    if (!by_thumbprint && has_one) {
        return bad("x509Thumbprint", "is of authentication.type \"selfSigned\" only");
    }
    return {};
}

result<void> check_etag(const identity& now, std::string_view if_match) {
    if (etag_matches(if_match, now.etag())) {
        return {};
    }
    return fail(error{error_category::peer,
                      "etag_mismatch",
                      fmt::format("\"{}\" has been changed since it was read: read it again, and change that", now.name.text()),
                      {{"name", now.name.text()}, {"etag", now.etag()}}});
}

}  // namespace berth::registry

#include "registry/hub/group_policy.h"

#include <algorithm>

namespace berth::registry {

namespace {

constexpr std::array<std::pair<operation, std::string_view>, operations> operation_names{{
    {operation::telemetry, "telemetry"},
    {operation::cloud_to_device, "cloud-to-device"},
    {operation::twin, "twin"},
    {operation::methods, "methods"},
    {operation::credentials, "credentials"},
    {operation::file_upload, "file-upload"},
}};

error bad_policy(std::string member, std::string why) {
    return {error_category::usage, "bad_policy", std::move(why), {{"member", std::move(member)}}};
}

// MQTT 3.1.1, 4.7.1: "+" fills a level, "#" is the last one.
bool is_filter(std::string_view text) {
    if (text.empty() || text.find('\0') != std::string_view::npos) {
        return false;
    }
    while (true) {
        const size_t slash = text.find('/');
        const std::string_view level = text.substr(0, slash);
        const bool wild = level.find_first_of("+#") != std::string_view::npos;
        if (wild && (level.size() != 1 || (level == "#" && slash != std::string_view::npos))) {
            return false;
        }
        if (slash == std::string_view::npos) {
            return true;
        }
        text.remove_prefix(slash + 1);
    }
}

// Each brace belongs to {device} or {module}.
bool has_known_names_only(std::string_view text) {
    while (true) {
        const size_t open = text.find_first_of("{}");
        if (open == std::string_view::npos) {
            return true;
        }
        text.remove_prefix(open);
        const bool device = text.starts_with("{device}");
        if (!device && !text.starts_with("{module}")) {
            return false;
        }
        text.remove_prefix(std::string_view("{device}").size());
    }
}

result<void> check_grants(const std::string& member, const std::vector<std::string>& grants) {
    if (grants.size() > most_grants) {
        return fail(bad_policy(member, fmt::format("a policy grants at most {} topics of each kind", most_grants)));
    }
    for (const auto& one : grants) {
        if (one.size() > most_grant_octets || !is_filter(one)) {
            return fail(bad_policy(
                member, fmt::format("\"{}\" is no MQTT topic filter of up to {} octets", one.substr(0, 80), most_grant_octets)));
        }
        // Whose messages these are is known from their topics.
        // And a device may be called "devices".
        const bool anything = std::string_view("+#{").find(one.front()) != std::string_view::npos ||
                              one.substr(0, one.find('/')).find('{') != std::string::npos;
        if (one.front() == '$' || one == "devices" || one.starts_with("devices/") || anything) {
            return fail(
                bad_policy(member, fmt::format("\"{}\" would take in the hub's own topics: begin with a word of your own, "
                                               "such as site/{{device}}/#",
                                               one)));
        }
        if (!has_known_names_only(one)) {
            return fail(bad_policy(member, fmt::format("\"{}\": only {{device}} and {{module}} stand in braces", one)));
        }
    }
    return {};
}

}  // namespace

std::string_view to_string(operation o) {
    return operation_names[static_cast<size_t>(o)].second;
}

std::optional<operation> operation_from(std::string_view text) {
    const auto* const found = std::ranges::find(operation_names, text, &std::pair<operation, std::string_view>::second);
    return found != operation_names.end() ? std::optional(found->first) : std::nullopt;
}

std::vector<std::string> operation_set::names() const {
    std::vector<std::string> out;
    for (const auto& [o, name] : operation_names) {
        if (has(o)) {
            out.emplace_back(name);
        }
    }
    return out;
}

result<void> check_policy(const group_policy& p) {
    const bool good = !p.group.empty() && p.group.size() <= most_group_name &&
                      std::ranges::all_of(p.group, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
    if (!good) {
        return fail(bad_policy("group", fmt::format("a group's name has 1 to {} visible ASCII characters", most_group_name)));
    }
    BERTH_CHECK(check_grants("publish", p.publish));
    return check_grants("subscribe", p.subscribe);
}

}  // namespace berth::registry

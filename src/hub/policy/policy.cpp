#include "hub/policy/policy.h"

#include <algorithm>

namespace berth::hub {

namespace {

// Takes the first level off.
std::string_view take_level(std::string_view& rest, bool& last) {
    const size_t slash = rest.find('/');
    const std::string_view out = rest.substr(0, slash);
    last = slash == std::string_view::npos;
    rest.remove_prefix(last ? rest.size() : slash + 1);
    return out;
}

std::string filled_in(std::string_view grant, const registry::identity_name& who) {
    constexpr std::string_view device = "{device}", module = "{module}";
    std::string out;
    while (!grant.empty()) {
        const size_t open = grant.find('{');
        out += grant.substr(0, open);
        grant.remove_prefix(std::min(open, grant.size()));
        if (grant.starts_with(device)) {
            out += who.device;
            grant.remove_prefix(device.size());
        } else if (grant.starts_with(module)) {
            out += who.module;
            grant.remove_prefix(module.size());
        } else if (!grant.empty()) {
            out += grant.front();
            grant.remove_prefix(1);
        }
    }
    return out;
}

}  // namespace

std::string_view to_string(direction d) {
    switch (d) {
    case direction::publish: return "publish";
    case direction::subscribe: return "subscribe";
    case direction::receive: break;
    }
    return "receive";
}

bool covers(std::string_view grant, const registry::identity_name& who, std::string_view filter) {
    // A device has no module's name to fill in.
    if (!who.is_module() && grant.find("{module}") != std::string_view::npos) {
        return false;
    }
    const std::string own = filled_in(grant, who);
    std::string_view wider = own, narrower = filter;
    while (true) {
        bool wider_ends = false, narrower_ends = false;
        const auto w = take_level(wider, wider_ends);
        if (w == "#") {
            return true;
        }
        const auto n = take_level(narrower, narrower_ends);
        if (n == "#" || (w == "+" ? false : w != n)) {
            return false;
        }
        if (wider_ends || narrower_ends) {
            // MQTT 3.1.1, 4.7.1.2: "sport/#" takes in "sport".
            return narrower_ends && (wider_ends || wider == "#");
        }
    }
}

permission judge_topic(const registry::group_policy& policy, const registry::identity_name& who, direction d,
                       std::string_view topic) {
    permission out;
    switch (d) {
    case direction::publish: out.door = may_publish(who, topic); break;
    case direction::subscribe: out.door = may_subscribe(who, topic); break;
    case direction::receive: out.door = may_receive(who, topic); break;
    }
    if (out.door) {
        out.allowed = policy.allowed.has(*out.door);
        return out;
    }
    const bool wild = topic.find_first_of("+#") != std::string_view::npos;
    // Whatever a grant says once names are filled in, the hub's own are not granted.
    const std::string_view first = topic.substr(0, topic.find('/'));
    if (first.starts_with('$') || first == "devices" || first == "+" || first == "#") {
        return out;
    }
    if (topic.empty() || topic.size() > most_topic || (wild && d != direction::subscribe)) {
        return out;
    }
    const auto& grants = d == direction::publish ? policy.publish : policy.subscribe;
    const auto found = std::ranges::find_if(grants, [&](const std::string& one) { return covers(one, who, topic); });
    if (found != grants.end()) {
        out.allowed = true;
        out.grant = *found;
    }
    return out;
}

std::string permission::why(const registry::group_policy& policy) const {
    if (door) {
        return allowed ? fmt::format("its own {}", to_string(*door))
                       : fmt::format("its own {}, which the policy of group \"{}\" withholds", to_string(*door), policy.group);
    }
    return grant ? fmt::format("granted by \"{}\" of the policy of group \"{}\"", *grant, policy.group)
                 : fmt::format("not its own, and nothing of the policy of group \"{}\" grants it", policy.group);
}

}  // namespace berth::hub

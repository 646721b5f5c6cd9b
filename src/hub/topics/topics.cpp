#include "hub/topics/topics.h"

#include <algorithm>

namespace berth::hub {

namespace {

// Whether it begins with that, which is taken off it.
bool take(std::string_view& topic, std::string_view part) {
    const bool out = topic.starts_with(part);
    topic.remove_prefix(out ? part.size() : 0);
    return out;
}

// What stands below "devices/dev1/", "devices/dev1/modules/mod1/". Asked for each message: nothing is put together for it.
std::optional<std::string_view> below_own_root(const registry::identity_name& who, std::string_view topic) {
    const bool own = take(topic, "devices/") && take(topic, who.device) && take(topic, "/") &&
                     (!who.is_module() || (take(topic, "modules/") && take(topic, who.module) && take(topic, "/")));
    return own ? std::optional(topic) : std::nullopt;
}

// By hand: find_first_of() asks for each character by a call.
bool has_wildcard(std::string_view topic) {
    return std::ranges::any_of(topic, [](char c) { return c == '+' || c == '#'; });
}

// Whether `topic` is `prefix` and one more level at the most, which may be empty: a property bag, "?$rid=1".
bool is_one_below(std::string_view topic, std::string_view prefix) {
    return topic.starts_with(prefix) && topic.find('/', prefix.size()) == std::string_view::npos;
}

// What the SDKs write the hub's own topics with.
struct door {
    std::string_view prefix;
    operation what;
};

constexpr std::array requests{
    door{"$iothub/twin/GET/", operation::twin},
    door{"$iothub/twin/PATCH/properties/reported/", operation::twin},
    door{"$iothub/credentials/POST/issueCertificate/", operation::credentials},
};
// "$iothub/methods/res/200/?$rid=1"
constexpr std::string_view method_answers = "$iothub/methods/res/";

constexpr std::string_view messages_to_device = "messages/devicebound/";

// Subscribed to with "#" behind them, and each message comes somewhere below.
constexpr std::array answers{
    door{"$iothub/twin/res/", operation::twin},
    door{"$iothub/twin/PATCH/properties/desired/", operation::twin},
    door{"$iothub/methods/POST/", operation::methods},
    door{"$iothub/credentials/res/", operation::credentials},
};

}  // namespace

std::optional<operation> may_publish(const registry::identity_name& who, std::string_view topic) {
    if (topic.size() > most_topic || has_wildcard(topic)) {
        return std::nullopt;
    }
    // The bag may be there or not, and its slash, too.
    constexpr std::string_view events = "messages/events", below_events = "messages/events/";
    if (const auto own = below_own_root(who, topic); own && (*own == events || is_one_below(*own, below_events))) {
        return operation::telemetry;
    }
    for (const auto& one : requests) {
        if (is_one_below(topic, one.prefix)) {
            return one.what;
        }
    }
    if (topic.starts_with(method_answers)) {
        const std::string_view rest = topic.substr(method_answers.size());
        const size_t slash = rest.find('/');
        const bool good = slash != std::string_view::npos && slash > 0 && rest.find('/', slash + 1) == std::string_view::npos &&
                          std::ranges::all_of(rest.substr(0, slash), [](char c) { return c >= '0' && c <= '9'; });
        return good ? std::optional(operation::methods) : std::nullopt;
    }
    return std::nullopt;
}

std::string telemetry_topic(const registry::identity_name& who) {
    return who.is_module() ? fmt::format("devices/{}/modules/{}/messages/events/", who.device, who.module)
                           : fmt::format("devices/{}/messages/events/", who.device);
}

std::optional<operation> may_subscribe(const registry::identity_name& who, std::string_view filter) {
    if (filter.size() > most_topic || !filter.ends_with("/#") || has_wildcard(filter.substr(0, filter.size() - 1))) {
        return std::nullopt;
    }
    const std::string_view below = filter.substr(0, filter.size() - 1);
    // Modules are sent no messages; their inputs are routes' of an IoT Edge, which this hub has none of.
    if (!who.is_module() && below_own_root(who, below) == messages_to_device) {
        return operation::cloud_to_device;
    }
    const auto* const found = std::ranges::find(answers, below, &door::prefix);
    return found != answers.end() ? std::optional(found->what) : std::nullopt;
}

std::optional<operation> may_receive(const registry::identity_name& who, std::string_view topic) {
    if (has_wildcard(topic)) {
        return std::nullopt;
    }
    const auto own = below_own_root(who, topic);
    if (!who.is_module() && own && is_one_below(*own, messages_to_device)) {
        return operation::cloud_to_device;
    }
    const auto* const found = std::ranges::find_if(answers, [&](const door& one) { return topic.starts_with(one.prefix); });
    return found != answers.end() ? std::optional(found->what) : std::nullopt;
}

namespace {

std::string with_property(std::string_view topic, std::string_view property) {
    constexpr std::string_view events = "/messages/events";
    std::string out(topic);
    if (topic.ends_with(events)) {
        out += '/';
    } else if (!topic.ends_with('/')) {
        out += '&';
    }
    return out.append(property);
}

}  // namespace

std::string with_retain_told(std::string_view topic) {
    return with_property(topic, "mqtt-retain=true");
}

std::string with_will_told(std::string_view topic) {
    return with_property(topic, "iothub-MessageType=Will");
}

}  // namespace berth::hub

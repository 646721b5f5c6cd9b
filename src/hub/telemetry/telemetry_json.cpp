#include "hub/telemetry/telemetry_json.h"

#include "base/clock.h"
#include "hub/access/percent.h"
#include "hub/messages/bag.h"
#include "wire/base64.h"
#include "wire/inner_json.h"

#include <algorithm>

namespace berth::hub {

namespace {

namespace json = wire::json;

// What the SDKs call them in a bag, and what the service does.
struct known_property {
    std::string_view in_bag, name;
};
constexpr std::array known{
    known_property{"$.mid", "messageId"},      known_property{"$.cid", "correlationId"},
    known_property{"$.uid", "userId"},         known_property{"$.ct", "contentType"},
    known_property{"$.ce", "contentEncoding"}, known_property{"$.ctime", "creationTimeUtc"},
    known_property{"$.on", "outputName"},      known_property{"$.to", "to"},
    known_property{"$.exp", "expiryTimeUtc"},  known_property{"$.sub", "componentName"},
    known_property{"$.ifid", "interfaceId"},
};

// UTF-8, that is: what JSON can say.
bool is_text(std::string_view octets) {
    return wire::parse_json(wire::to_text(json::value(octets))).has_value();
}

struct bag {
    json::object system, own;
    std::string_view undecoded;
};

bag read_bag(std::string_view text) {
    bag out;
    const auto properties = parse_bag(text.substr(text.starts_with('?') ? 1 : 0));
    if (!properties) {
        out.undecoded = text;
        return out;
    }
    for (const auto& [name, value] : *properties) {
        if (!is_text(name) || !is_text(value)) {
            return {{}, {}, text};
        }
        const auto* const found = std::ranges::find(known, std::string_view(name), &known_property::in_bag);
        (found != known.end() ? out.system[found->name] : out.own[name]) = value;
    }
    return out;
}

bool says_json(const json::object& system) {
    const auto* const type = system.if_contains("contentType");
    return type != nullptr && std::string_view(type->get_string()).starts_with("application/json");
}

}  // namespace

std::optional<telemetry_topic_parts> read_telemetry_topic(std::string_view topic) {
    constexpr std::string_view root = "devices/", modules = "modules/", events = "messages/events";
    if (!topic.starts_with(root)) {
        return std::nullopt;
    }
    topic.remove_prefix(root.size());
    const auto part = [&topic]() -> std::string {
        const size_t slash = topic.find('/');
        std::string out(topic.substr(0, std::min(slash, topic.size())));
        topic.remove_prefix(std::min(out.size() + 1, topic.size()));
        return out;
    };
    telemetry_topic_parts out;
    out.who.device = part();
    if (topic.starts_with(modules)) {
        topic.remove_prefix(modules.size());
        out.who.module = part();
    }
    if (out.who.device.empty() || !topic.starts_with(events) || (topic.size() > events.size() && topic[events.size()] != '/')) {
        return std::nullopt;
    }
    out.bag = topic.substr(std::min(events.size() + 1, topic.size()));
    return out;
}

std::string to_json(const telemetry_message& m) {
    json::object out{{"number", m.number}};
    out["time"] = fmt::format("{}.{:03}Z", to_iso8601(static_cast<unix_seconds>(m.at_ms / 1'000)).substr(0, 19), m.at_ms % 1'000);
    auto parts = read_telemetry_topic(m.topic);
    if (parts && !is_text(parts->who.text())) {
        parts.reset();  // nobody's name
    }
    out["deviceId"] = parts ? parts->who.device : "";
    out["moduleId"] = parts ? parts->who.module : "";
    auto properties = read_bag(parts ? parts->bag : m.topic);
    const bool is_json = says_json(properties.system);
    out["systemProperties"] = std::move(properties.system);
    out["properties"] = std::move(properties.own);
    if (!properties.undecoded.empty()) {
        // Octets that are no text are told as such.
        const std::string text(properties.undecoded);
        out["bag"] = is_text(text) ? text : percent_encoded(text);
    }
    if (is_json) {
        if (auto body = wire::parse_inner_json(as_text(m.payload), m.payload.size())) {
            out["body"] = std::move(*body);
            return wire::to_text(out);
        }
    }
    out["bodyBase64"] = wire::base64(m.payload);
    return wire::to_text(out);
}

}  // namespace berth::hub

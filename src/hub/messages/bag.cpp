#include "hub/messages/bag.h"

#include "hub/access/percent.h"

#include <fmt/format.h>

namespace berth::hub {

using namespace registry;

std::string message_filter(std::string_view device) {
    return message_root(device) + '#';
}

std::string message_root(std::string_view device) {
    return fmt::format("devices/{}/messages/devicebound/", device);
}

std::string message_topic(const device_message& m) {
    std::string out = message_root(m.device);
    bool first = true;
    const auto add = [&out, &first](std::string_view name, std::string_view value) {
        out += std::exchange(first, false) ? "" : "&";
        out += percent_encoded(name);
        out += '=';
        out += percent_encoded(value);
    };
    const auto add_known = [&add](std::string_view name, std::string_view value) {
        if (!value.empty()) {
            add(name, value);
        }
    };
    add_known("$.mid", m.id);
    add("$.to", fmt::format("/devices/{}/messages/deviceBound", m.device));
    add_known("$.cid", m.correlation);
    add_known("$.ct", m.content_type);
    add_known("$.ce", m.content_encoding);
    add("$.exp", to_iso8601(m.expires));
    if (m.ack != message_ack::none) {
        add("iothub-ack", to_string(m.ack));
    }
    for (const auto& [name, value] : m.properties) {
        add(name, value);
    }
    return out;
}

std::optional<message_properties> parse_bag(std::string_view text) {
    message_properties out;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, std::min(text.find('&'), text.size()));
        text.remove_prefix(std::min(word.size() + 1, text.size()));
        const size_t equal = std::min(word.find('='), word.size());
        auto name = percent_decoded(word.substr(0, equal));
        auto value = percent_decoded(word.substr(std::min(equal + 1, word.size())));
        if (!name || !value || name->empty()) {
            return std::nullopt;
        }
        out.emplace_back(std::move(*name), std::move(*value));
    }
    return out;
}

result<void> check_sendable(const device_message& m, unix_seconds now) {
    BERTH_CHECK(check_message(m, now));
    if (message_topic(m).size() > most_message_topic) {
        return fail(error_category::usage, "too_large",
                    fmt::format("the properties of a message, percent-encoded, have up to {} octets", most_message_topic));
    }
    return {};
}

}  // namespace berth::hub

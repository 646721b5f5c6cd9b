#include "registry/hub/device_message.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

namespace berth::registry {

namespace {

constexpr std::array<std::string_view, 4> acks{"none", "positive", "negative", "full"};
constexpr std::array<std::string_view, 5> ends{"Success", "Expired", "DeliveryCountExceeded", "Rejected", "Purged"};

template <class Enum, size_t N>
std::optional<Enum> named(const std::array<std::string_view, N>& names, std::string_view text) {
    const auto found = std::ranges::find(names, text);
    return found != names.end() ? std::optional(static_cast<Enum>(found - names.begin())) : std::nullopt;
}

tl::unexpected<error> wrong(std::string_view member, std::string_view why) {
    return fail(
        error{error_category::usage, "bad_message", fmt::format("{} {}", member, why), {{"member", std::string(member)}}});
}

// They go through headers of HTTP and topics of MQTT.
bool is_printable(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

bool has_control(std::string_view text) {
    return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; });
}

result<void> check_property(std::string_view name, std::string_view value) {
    if (name.empty() || !is_printable(name)) {
        return wrong("property", "has a name of printable ASCII");
    }
    if (name.starts_with('$') || name.starts_with("iothub-")) {
        return wrong("property", fmt::format("\"{}\" has a name that is the hub's own", name));
    }
    if (has_control(value)) {
        return wrong("property", fmt::format("\"{}\" has a control character in it", name));
    }
    return {};
}

size_t size_of(const device_message& m) {
    size_t out = m.body.size() + m.id.size() + m.correlation.size() + m.content_type.size() + m.content_encoding.size();
    for (const auto& [name, value] : m.properties) {
        out += name.size() + value.size();
    }
    return out;
}

}  // namespace

std::string_view to_string(message_ack a) {
    return acks[static_cast<size_t>(a)];
}

std::optional<message_ack> message_ack_from(std::string_view text) {
    return named<message_ack>(acks, text);
}

std::string_view to_string(message_end e) {
    return ends[static_cast<size_t>(e)];
}

std::optional<message_end> message_end_from(std::string_view text) {
    return named<message_end>(ends, text);
}

bool wants(message_ack a, message_end e) {
    return a == message_ack::full || a == (e == message_end::success ? message_ack::positive : message_ack::negative);
}

result<void> check_message(const device_message& m, unix_seconds now) {
    using text = std::pair<std::string_view, std::string_view>;
    for (const auto& [member, value] : {text{"message id", m.id}, text{"correlation id", m.correlation},
                                        text{"content type", m.content_type}, text{"content encoding", m.content_encoding}}) {
        if (value.size() > most_message_text || !is_printable(value)) {
            return wrong(member, fmt::format("is up to {} characters of printable ASCII", most_message_text));
        }
    }
    if (m.properties.size() > most_message_properties) {
        return wrong("properties", fmt::format("are {} at most", most_message_properties));
    }
    std::set<std::string_view> names;
    for (const auto& [name, value] : m.properties) {
        BERTH_CHECK(check_property(name, value));
        if (!names.insert(name).second) {
            return wrong("property", fmt::format("\"{}\" is there twice", name));
        }
    }
    if (m.expires <= now) {
        return wrong("expiry", "has passed already");
    }
    if (m.expires > now + most_message_life) {
        return wrong("expiry", "is more than two days away");
    }
    if (size_of(m) > most_message) {
        return fail(error_category::usage, "too_large",
                    fmt::format("a message has up to {} octets, its properties included", most_message));
    }
    return {};
}

}  // namespace berth::registry

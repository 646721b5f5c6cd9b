#include "hub/messages/message_headers.h"

#include "hub/access/iso_time.h"
#include "hub/messages/bag.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::hub {

using namespace registry;

namespace {

constexpr std::string_view of_application = "iothub-app-";

std::string lower_case(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return out;
}

// RFC 9110 5.6.2: token
bool is_token(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

tl::unexpected<error> wrong(std::string_view field, std::string_view why) {
    return fail(error{error_category::usage, "bad_message", fmt::format("{} {}", field, why), {{"member", std::string(field)}}});
}

result<void> read_field(device_message& to, const std::string& name, const std::string& given, const std::string& value) {
    if (name == "iothub-messageid") {
        to.id = value;
    } else if (name == "iothub-correlationid") {
        to.correlation = value;
    } else if (name == "iothub-contenttype") {
        to.content_type = value;
    } else if (name == "iothub-contentencoding") {
        to.content_encoding = value;
    } else if (name == "content-encoding" && to.content_encoding.empty()) {
        to.content_encoding = value;
    } else if (name == "content-type" && to.content_type.empty() && value != "application/x-www-form-urlencoded") {
        to.content_type = value;  // the other is what tools say where nobody has said anything
    } else if (name == "iothub-ack") {
        const auto ack = message_ack_from(lower_case(value));
        if (!ack) {
            return wrong(name, "is none, positive, negative or full");
        }
        to.ack = *ack;
    } else if (name == "iothub-expiry") {
        const auto expires = time_from(value);
        if (!expires) {
            return wrong(name, "is a time as 2030-01-31T12:00:00Z");
        }
        to.expires = *expires;
    } else if (name.starts_with(of_application)) {
        to.properties.emplace_back(given.substr(of_application.size()), value);
    }
    return {};
}

}  // namespace

bool is_message_field(std::string_view name) {
    const std::string lower = lower_case(name.substr(0, 64));
    return lower.starts_with("iothub-") || lower == "content-type" || lower == "content-encoding";
}

result<device_message> message_from(const std::string& device, const message_fields& fields, std::string_view body,
                                    random_source& random, unix_seconds now) {
    device_message out;
    out.device = device;
    out.enqueued = now;
    out.expires = now + message_life;
    for (const auto& [name, value] : fields) {
        BERTH_CHECK(read_field(out, lower_case(name), name, value));
    }
    if (out.id.empty()) {
        out.id = draw_token(random);
    }
    out.body.assign(body.begin(), body.end());
    BERTH_CHECK(check_sendable(out, now));
    return out;
}

message_fields fields_of(const device_message& m) {
    message_fields out;
    const auto add = [&out](const char* name, const std::string& value) {
        if (!value.empty()) {
            out.emplace_back(name, value);
        }
    };
    add("iothub-messageid", m.id);
    add("iothub-correlationid", m.correlation);
    add("iothub-contenttype", m.content_type);
    add("iothub-contentencoding", m.content_encoding);
    out.emplace_back("iothub-to", fmt::format("/devices/{}/messages/deviceBound", m.device));
    out.emplace_back("iothub-ack", to_string(m.ack));
    out.emplace_back("iothub-expiry", to_iso8601(m.expires));
    out.emplace_back("iothub-enqueuedtime", to_iso8601(m.enqueued));
    out.emplace_back("iothub-sequencenumber", std::to_string(m.number));
    out.emplace_back("iothub-deliverycount", std::to_string(m.deliveries));
    for (const auto& [name, value] : m.properties) {
        // What a name of a field cannot have is percent-encoded.
        std::string field(of_application);
        for (const char c : name) {
            field += is_token(c) ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
        out.emplace_back(std::move(field), value);
    }
    return out;
}

std::string draw_token(random_source& random) {
    const std::string hex = to_hex(random.octets<16>());
    return fmt::format("{}-{}-4{}-8{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(13, 3), hex.substr(17, 3),
                       hex.substr(20));
}

}  // namespace berth::hub

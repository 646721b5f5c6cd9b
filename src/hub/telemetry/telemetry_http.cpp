#include "hub/telemetry/telemetry_http.h"

#include "hub/access/percent.h"
#include "hub/mqtt/text.h"
#include "hub/topics/topics.h"
#include "wire/base64.h"
#include "wire/json.h"

#include <algorithm>

namespace berth::hub {

namespace {

namespace json = wire::json;

constexpr size_t most_bag = most_topic - 512;  // the names of a device and a module come before it

struct known_field {
    std::string_view field, in_bag;
};
constexpr std::array known{
    known_field{"iothub-messageid", "$.mid"},
    known_field{"iothub-correlationid", "$.cid"},
    known_field{"iothub-userid", "$.uid"},
    known_field{"iothub-contenttype", "$.ct"},
    known_field{"iothub-contentencoding", "$.ce"},
    known_field{"iothub-expiry", "$.exp"},
    known_field{"iothub-creationtimeutc", "$.ctime"},
    known_field{"iothub-interface-id", "$.ifid"},
    known_field{"dt-subject", "$.sub"},
};
constexpr std::string_view own = "iothub-app-";

std::string lower_case(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return out;
}

result<void> add(std::string& bag, std::string_view field, std::string_view value) {
    const std::string name = lower_case(field);
    std::string_view in_bag;
    if (name.starts_with(own)) {
        in_bag = field.substr(own.size());  // in its own case
    } else if (const auto* const found = std::ranges::find(known, std::string_view(name), &known_field::field);
               found != known.end()) {
        in_bag = found->in_bag;
    } else {
        return {};
    }
    if (in_bag.empty()) {
        return fail(error{error_category::usage, "bad_message", "a property must have a name", {{"field", std::string(field)}}});
    }
    if (!is_mqtt_text(as_bytes(in_bag)) || !is_mqtt_text(as_bytes(value))) {
        return fail(error{error_category::usage, "bad_message", "a property and its name are UTF-8, without NUL", {}});
    }
    bag += (bag.empty() ? "" : "&") + percent_encoded(in_bag) + "=" + percent_encoded(value);
    if (bag.size() > most_bag) {
        return fail(error_category::usage, "too_large",
                    fmt::format("the properties of a message, percent-encoded, have up to {} octets", most_bag));
    }
    return {};
}

result<sent_telemetry> read_one(const json::value& value) {
    const auto* const object = value.if_object();
    const auto* const body = object != nullptr ? object->if_contains("body") : nullptr;
    if (body == nullptr || !body->is_string()) {
        return fail(error{error_category::usage, "bad_message", "each has a member \"body\", in base64", {{"field", "body"}}});
    }
    sent_telemetry out;
    BERTH_TRY(octets, wire::from_base64(std::string_view(body->get_string())));
    out.payload = std::move(octets);
    const auto* const properties = object->if_contains("properties");
    if (properties != nullptr && !properties->is_object()) {
        return fail(error{error_category::usage, "bad_message", "\"properties\" is an object", {{"field", "properties"}}});
    }
    for (const auto& [name, text] : properties != nullptr ? properties->get_object() : json::object()) {
        if (!text.is_string()) {
            return fail(error{error_category::usage, "bad_message", "properties are texts", {{"field", std::string(name)}}});
        }
        BERTH_CHECK(add(out.bag, name, std::string_view(text.get_string())));
    }
    return out;
}

}  // namespace

result<std::vector<sent_telemetry>> read_telemetry(std::string_view content_type,
                                                   std::span<const std::pair<std::string, std::string>> fields,
                                                   std::string_view body) {
    std::vector<sent_telemetry> out;
    if (content_type != many_messages_type) {
        sent_telemetry one{{}, bytes(body.begin(), body.end())};
        for (const auto& [name, value] : fields) {
            BERTH_CHECK(add(one.bag, name, value));
        }
        out.push_back(std::move(one));
        return out;
    }
    BERTH_TRY(all, wire::parse_json(body, most_telemetry_body));
    const auto* const list = all.if_array();
    if (list == nullptr || list->empty()) {
        return fail(error_category::usage, "bad_message", "several messages are a list of objects");
    }
    if (list->size() > most_telemetry_messages) {
        return fail(error_category::usage, "too_many_messages", fmt::format("up to {} at once", most_telemetry_messages));
    }
    for (const auto& each : *list) {
        BERTH_TRY(one, read_one(each));
        out.push_back(std::move(one));
    }
    return out;
}

}  // namespace berth::hub

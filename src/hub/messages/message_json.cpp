#include "hub/messages/message_json.h"

#include "wire/base64.h"

#include <fmt/format.h>

namespace berth::hub {

using namespace registry;

namespace json = wire::json;

json::object to_json(const device_message& m) {
    json::object out{{"sequenceNumber", m.number}, {"deviceId", m.device}};
    const auto add = [&out](const char* name, const std::string& value) {
        if (!value.empty()) {
            out[name] = value;
        }
    };
    add("messageId", m.id);
    add("correlationId", m.correlation);
    add("contentType", m.content_type);
    add("contentEncoding", m.content_encoding);
    out["ack"] = to_string(m.ack);
    out["enqueuedTimeUtc"] = to_iso8601(m.enqueued);
    out["expiryTimeUtc"] = to_iso8601(m.expires);
    out["state"] = m.is_waiting() ? "enqueued" : "invisible";
    out["deliveryCount"] = m.deliveries;
    json::object properties;
    for (const auto& [name, value] : m.properties) {
        properties[name] = value;
    }
    out["properties"] = std::move(properties);
    out["body"] = wire::base64(m.body);
    return out;
}

json::array to_json(const std::vector<message_feedback>& some) {
    json::array out;
    for (const auto& one : some) {
        // As the registry tells generations.
        out.push_back(json::object{{"originalMessageId", one.original_id},
                                   {"statusCode", to_string(one.end)},
                                   {"description", to_string(one.end)},
                                   {"deviceId", one.device},
                                   {"deviceGenerationId", fmt::format("{}", one.generation)},
                                   {"enqueuedTimeUtc", to_iso8601(one.at)}});
    }
    return out;
}

}  // namespace berth::hub

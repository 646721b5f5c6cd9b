// What a device has sent, as back ends are told of it:
//
//   {"number":7,"time":"2026-11-23T15:00:00.123Z","deviceId":"dev1","moduleId":"","systemProperties":{"messageId":...},
//    "properties":{"alert":"yes"},"body":{...}}
//
// `body` where the device says that it is JSON (content type application/json), and it is; else `bodyBase64`. A property bag that
// does not decode is told as it came, in `bag`.
#pragma once

#include "base/bytes.h"
#include "registry/hub/identity.h"

#include <optional>
#include <string>
#include <string_view>

namespace berth::hub {

struct telemetry_message {
    uint64_t number = 0;
    uint64_t at_ms = 0;  // UNIX
    std::string_view topic;
    bytes_view payload;
};
std::string to_json(const telemetry_message& m);

// Of "devices/DEVICE/messages/events...", "devices/DEVICE/modules/MODULE/messages/events...". Nothing: it is no telemetry's
// topic.
struct telemetry_topic_parts {
    registry::identity_name who;
    std::string_view bag;
};
std::optional<telemetry_topic_parts> read_telemetry_topic(std::string_view topic);

}  // namespace berth::hub

// What devices send over HTTPS, as the SDKs do:
//
//   POST /devices/{id}/messages/events        one message: the body, and all else in header fields (iothub-messageid,
//                                             iothub-contenttype, iothub-app-NAME)
//   Content-Type: application/vnd.microsoft.iothub.json
//                                             several: [{"body": base64, "properties": {"iothub-app-NAME": ...}}]
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <span>
#include <string>
#include <utility>
#include <vector>

namespace berth::hub {

inline constexpr std::string_view many_messages_type = "application/vnd.microsoft.iothub.json";
inline constexpr size_t most_telemetry_body = 256 * 1024;  // as over MQTT, also of several
inline constexpr size_t most_telemetry_messages = 500;

struct sent_telemetry {
    std::string bag;  // percent-encoded, as in an MQTT topic
    bytes payload;
};
// `fields`: of the request's header. Errors (usage): `bad_message` param "field", `too_many_messages`, `too_large`; those of
// JSON.
result<std::vector<sent_telemetry>> read_telemetry(std::string_view content_type,
                                                   std::span<const std::pair<std::string, std::string>> fields,
                                                   std::string_view body);

}  // namespace berth::hub

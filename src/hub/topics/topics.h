// The topics that a device or module has to do with, as the SDKs use them; everything else is refused (default deny).
//
// Who publishes, subscribes and reads is known from its login, never from the topic: a topic only says which of its own doors is
// meant. Wildcards are taken where the SDKs write them, at the end, and nowhere else, so that no subscription sees another's.
#pragma once

#include "registry/hub/identity.h"

namespace berth::hub {

// What a policy may grant or withhold, each for itself.
enum class operation : uint8_t {
    telemetry,        // device to cloud
    cloud_to_device,  // messages to it
    twin,             // its own: read, report, be told
    methods,          // be called, and answer
    credentials,      // another certificate over the session
    file_upload,      // HTTPS only
};
inline constexpr size_t operations = 6;
// "telemetry", "cloud-to-device", "twin", "methods", "credentials", "file-upload".
std::string_view to_string(operation o);
std::optional<operation> operation_from(std::string_view text);

// To publish to `topic` (no wildcards). Nothing: not its own, or none at all.
std::optional<operation> may_publish(const registry::identity_name& who, std::string_view topic);
// To subscribe to `filter`.
std::optional<operation> may_subscribe(const registry::identity_name& who, std::string_view filter);
// To be given what was published to `topic`.
std::optional<operation> may_receive(const registry::identity_name& who, std::string_view topic);

// Telemetry with RETAIN: a hub keeps nothing in topics, and tells whoever hears it by the property "mqtt-retain" in the bag. `topic`
// is one to which may_publish() says telemetry.
std::string with_retain_told(std::string_view topic);

inline constexpr size_t most_topic = 1024;  // octets, property bag included

}  // namespace berth::hub

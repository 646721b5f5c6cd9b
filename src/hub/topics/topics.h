// The topics that a device or module has to do with, as the SDKs use them; everything else is refused (default deny).
//
// Who publishes, subscribes and reads is known from its login, never from the topic: a topic only says which of its own doors is
// meant. Wildcards are taken where the SDKs write them, at the end, and nowhere else, so that no subscription sees another's.
#pragma once

#include "registry/hub/group_policy.h"

namespace berth::hub {

using registry::operation;

// To publish to `topic` (no wildcards). Nothing: not its own, or none at all.
std::optional<operation> may_publish(const registry::identity_name& who, std::string_view topic);
// "devices/dev1/messages/events/", "devices/dev1/modules/mod1/messages/events/": with one level behind it at the most, the bag,
// its telemetry's topic.
std::string telemetry_topic(const registry::identity_name& who);
// To subscribe to `filter`.
std::optional<operation> may_subscribe(const registry::identity_name& who, std::string_view filter);
// To be given what was published to `topic`.
std::optional<operation> may_receive(const registry::identity_name& who, std::string_view topic);

// Telemetry with RETAIN: a hub keeps nothing in topics, and tells of it by the property "mqtt-retain", here in the bag.
// `topic` is one to which may_publish() says telemetry.
std::string with_retain_told(std::string_view topic);

// A Will of telemetry, likewise: "iothub-MessageType=Will".
std::string with_will_told(std::string_view topic);

inline constexpr size_t most_topic = 1024;  // octets, property bag included

}  // namespace berth::hub

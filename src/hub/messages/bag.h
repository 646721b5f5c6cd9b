// A message to a device as MQTT carries it: the body, and all else in the topic, percent-encoded as the SDKs read it:
// "devices/dev1/messages/devicebound/%24.mid=1&%24.to=%2Fdevices%2Fdev1%2Fmessages%2FdeviceBound&alert=yes".
#pragma once

#include "hub/messages/whose.h"
#include "registry/hub/device_message.h"

namespace berth::hub {

// MQTT 3.1.1 1.5.3 knows no longer text than 65 535 octets, and percent-encoding makes three of one.
inline constexpr size_t most_message_topic = 32 * 1024;

// What it is subscribed to by: "devices/dev1/messages/devicebound/#".
std::string message_filter(std::string_view device);
// "devices/dev1/messages/devicebound/"
std::string message_root(std::string_view device);
std::string message_topic(const registry::device_message& m);

// "a=1&b=2", decoded; what has no "=" has no value. Nothing: a bad escape, an octet 0 or an empty name.
std::optional<registry::message_properties> parse_bag(std::string_view text);

// check_message(), and that a topic has room for its properties: `too_large`.
result<void> check_sendable(const registry::device_message& m, unix_seconds now);

}  // namespace berth::hub

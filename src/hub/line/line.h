// What berthd and the plugin of its broker say to each other without being asked: over the broker itself, at which berthd is a
// client by the socket for programs of the machine. Topics that begin with "$berth/" are open there alone, and what is published
// to them goes no further than the plugin.
//
//   $berth/look      berthd: the registry's file has news; no payload
//   $berth/call      berthd: a direct method, for one device
//   $berth/called    plugin, to berthd's session alone: what came of it
//   $berth/seen      berthd: what went by on a connection that it passes on, of messages to devices
#pragma once

#include "hub/messages/bag.h"
#include "hub/method/method.h"
#include "registry/hub/identity.h"
#include "wire/codec.h"

namespace berth::hub {

inline constexpr std::string_view line_beginning = "$berth/";
inline constexpr std::string_view line_look = "$berth/look", line_call = "$berth/call", line_called = "$berth/called",
                                  line_seen = "$berth/seen";
// No device has such a name: "$" comes first in none.
inline constexpr std::string_view line_client = "$berthd";

struct line_method_call {
    uint64_t number = 0;  // the caller's; no other call that is open has it
    wire::opaque<1, 2 * registry::most_identity_name + 1> client;
    wire::opaque<1, most_method_name> name;
    wire::opaque<0, most_method_payload> payload;
    uint32_t forget_after = 0;  // seconds: by then nobody waits for the answer
    BERTH_FIELDS(number, client, name, payload, forget_after)
};

enum class call_outcome : uint8_t {
    answered = 1,
    not_here = 2,     // not connected, or has not subscribed to methods
    not_allowed = 3,  // its group's policy does not open methods
    gone = 4,         // it went before it had answered
    too_many = 5,     // so many of its calls are open
    too_large = 6,    // what it has answered
};
struct line_method_outcome {
    uint64_t number = 0;
    call_outcome outcome = call_outcome::answered;
    uint32_t status = 0;  // where it was answered
    wire::opaque<0, most_method_payload> payload;
    BERTH_FIELDS(number, outcome, status, payload)
};

struct line_seen_packet {
    enum class kind : uint8_t { sent = 1, acknowledged = 2, closed = 3 };
    uint64_t connection = 0;  // from 1 on
    kind what = kind::sent;
    uint16_t number = 0;  // the packet identifier
    uint8_t reason = 0;   // of an acknowledgement: from 0x80 on it is a refusal
    wire::opaque<0, most_message_topic> topic;
    BERTH_FIELDS(connection, what, number, reason, topic)
};

}  // namespace berth::hub

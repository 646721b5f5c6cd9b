// As much of MQTT 3.1.1 as a program of the broker's machine needs to publish something and know that the broker has it: CONNECT
// with a clean session, PUBLISH with QoS 1, DISCONNECT, and reading CONNACK and PUBACK. Without I/O.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <set>

namespace berth::hub {

// Error `too_large` (usage): more than a packet has room for, or a topic of more than 65,535 octets.
result<bytes> connect_packet(std::string_view client_id);
// `id` is not 0.
result<bytes> publish_packet(std::string_view topic, std::string_view payload, uint16_t id);
bytes disconnect_packet();

// What the broker answers.
class publish_answers {
public:
    // Errors (peer) `mqtt_refused`: CONNACK says no, with its code; `mqtt_malformed`: another packet, or one that is none.
    result<void> feed(bytes_view octets);
    [[nodiscard]] bool connected() const { return connected_; }
    // Packets that the broker has taken, by their ids.
    [[nodiscard]] const std::set<uint16_t>& taken() const { return taken_; }

private:
    bytes pending_;
    bool connected_ = false;
    std::set<uint16_t> taken_;
};

}  // namespace berth::hub

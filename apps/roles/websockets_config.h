// [hub.websockets] of berthd.toml: MQTT over WebSockets at the hub's HTTPS listener (docs/websockets.md).
#pragma once

#include "base/clock.h"
#include "base/result.h"

#include <string>
#include <vector>

namespace berth::app {

class table_reader;

struct websockets_config {
    bool enabled = true;
    size_t most_connections = 4'096;
    size_t most_per_address = 1'024;
    milliseconds connect = 10'000;     // until MQTT's CONNECT is there
    milliseconds quiet = 60'000;       // then a peer is asked whether it is there, and given as long to answer
    milliseconds slow = 30'000;        // in which a peer takes nothing of what it is sent, and is cut
    std::vector<std::string> origins;  // of pages that may ask besides the hub's own
    friend bool operator==(const websockets_config&, const websockets_config&) = default;
};

result<websockets_config> read_websockets(table_reader t);

}  // namespace berth::app

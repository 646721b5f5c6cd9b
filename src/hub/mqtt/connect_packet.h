// The first packet of a client, CONNECT, of MQTT 3.1.1 (section 3.1) and MQTT 5 (section 3.1): read strictly, and written again
// with another password. Without I/O.
#pragma once

#include "base/bytes.h"
#include "base/secret.h"

#include <optional>

namespace berth::hub {

// More than this of one packet is no device's: a Will's payload and a password have up to 64 KiB each.
inline constexpr size_t most_connect_packet = 160 * 1024;

struct connect_packet {
    struct will {
        uint8_t qos = 0;
        bool retain = false;
        bytes properties;  // MQTT 5, as they were
        std::string topic;
        bytes message;
        friend bool operator==(const will&, const will&) = default;
    };
    uint8_t level = 4;  // 4: MQTT 3.1.1; 5: MQTT 5
    bool clean = true;
    uint16_t keep_alive = 0;
    bytes properties;  // MQTT 5, as they were: what is in them is the broker's to judge
    std::string client_id;
    std::optional<will> last_will;
    std::optional<std::string> user_name;
    std::optional<secret_bytes> password;
};

// A whole packet. Errors (peer) `malformed`; `unsupported_version`: CONNECT of another MQTT.
result<connect_packet> read_connect(bytes_view packet);
// Error (internal) `too_large`: a field that has no room. The password is in it: to be wiped.
result<bytes> write_connect(const connect_packet& packet);

// Collects the first packet from a stream, in pieces of any size.
class connect_collector {
public:
    // Takes from the front of `input` no more than belongs to the packet. Nothing: more is needed. Errors (peer) `malformed`: not
    // CONNECT; `too_large`.
    result<std::optional<bytes>> take(bytes_view& input);
    ~connect_collector();

private:
    bytes packet_;
    size_t whole_ = 0;  // 0: not known yet
};

}  // namespace berth::hub

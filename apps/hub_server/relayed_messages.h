// What becomes of messages to devices that have come by a WebSocket: their broker sees no TLS of theirs, so who passes their
// octets on tells it what it sees go by.
#pragma once

#include "hub/mqtt/packet_watch.h"
#include "hub_server/broker_line.h"
#include "hub_server/websocket_relay.h"

#include <set>

namespace berth::app {

class relayed_messages final : public relay_tap {
public:
    // Made on any thread; `line` is used on the loop alone, and goes with it.
    relayed_messages(net::loop& on, std::weak_ptr<broker_line*> line);
    ~relayed_messages() override;
    void to_broker(bytes_view octets) override;
    void to_client(bytes_view octets) override;

private:
    void tell(hub::line_seen_packet what);

    net::loop& loop_;
    std::weak_ptr<broker_line*> line_;
    uint64_t connection_;
    hub::packet_watch down_{hub::packet_watch::direction::to_client}, up_{hub::packet_watch::direction::from_client};
    std::set<uint16_t> sent_;  // and not acknowledged
};

}  // namespace berth::app

#include "hub_server/relayed_messages.h"

#include <atomic>

namespace berth::app {

namespace {

// No two of this berthd's are the same.
std::atomic<uint64_t> last_connection = 0;

}  // namespace

relayed_messages::relayed_messages(net::loop& on, std::weak_ptr<broker_line*> line)
    : loop_(on), line_(std::move(line)), connection_(++last_connection) {}

relayed_messages::~relayed_messages() {
    if (!sent_.empty()) {
        tell({connection_, hub::line_seen_packet::kind::closed, 0, 0, {}});
    }
}

void relayed_messages::to_client(bytes_view octets) {
    while (const auto seen = down_.next(octets)) {
        if (!seen->topic.starts_with("devices/") || seen->topic.find("/messages/devicebound/") == std::string_view::npos) {
            continue;
        }
        sent_.insert(seen->number);
        tell({connection_, hub::line_seen_packet::kind::sent, seen->number, 0,
              wire::opaque<0, hub::most_message_topic>(seen->topic)});
    }
}

void relayed_messages::to_broker(bytes_view octets) {
    while (const auto seen = up_.next(octets)) {
        if (sent_.erase(seen->number) > 0) {
            tell({connection_, hub::line_seen_packet::kind::acknowledged, seen->number, seen->reason, {}});
        }
    }
}

void relayed_messages::tell(hub::line_seen_packet what) {
    loop_.post([line = line_, what = std::move(what)]() mutable {
        if (const auto there = line.lock()) {
            (*there)->seen(std::move(what));
        }
    });
}

}  // namespace berth::app

#include "hub/events/mqtt_publish.h"

#include <fmt/format.h>

namespace berth::hub {

namespace {

constexpr uint8_t connect = 0x10, connack = 0x20, publish_once_at_least = 0x32, puback = 0x40, disconnect = 0xe0;
constexpr size_t most_text = 65'535;
constexpr size_t most_remaining = 268'435'455;  // 2.2.3

void put_text(bytes& out, std::string_view text) {
    out.push_back(static_cast<uint8_t>(text.size() >> 8U));
    out.push_back(static_cast<uint8_t>(text.size() & 0xffU));
    out.insert(out.end(), text.begin(), text.end());
}

// 2.2: the fixed header, and what remains.
result<bytes> packet(uint8_t kind, const bytes& rest) {
    if (rest.size() > most_remaining) {
        return fail(error_category::usage, "too_large", "more than an MQTT packet has room for");
    }
    bytes out{kind};
    for (size_t left = rest.size();;) {
        const auto digit = static_cast<uint8_t>(left & 0x7fU);
        left >>= 7U;
        out.push_back(left != 0 ? digit | 0x80U : digit);
        if (left == 0) {
            break;
        }
    }
    out.insert(out.end(), rest.begin(), rest.end());
    return out;
}

tl::unexpected<error> malformed(std::string why) {
    return fail(error_category::peer, "mqtt_malformed", std::move(why));
}

}  // namespace

result<bytes> connect_packet(std::string_view client_id) {
    if (client_id.size() > most_text) {
        return fail(error_category::usage, "too_large", "more than an MQTT packet has room for");
    }
    bytes rest;
    put_text(rest, "MQTT");
    rest.push_back(4);                // 3.1.2.2: the protocol's level
    rest.push_back(0x02);             // 3.1.2.4: a clean session
    rest.insert(rest.end(), {0, 0});  // 3.1.2.10: no keep alive
    put_text(rest, client_id);
    return packet(connect, rest);
}

result<bytes> publish_packet(std::string_view topic, std::string_view payload, uint16_t id) {
    if (topic.size() > most_text || payload.size() > most_remaining) {
        return fail(error_category::usage, "too_large", "more than an MQTT packet has room for");
    }
    bytes rest;
    put_text(rest, topic);
    rest.push_back(static_cast<uint8_t>(id >> 8U));
    rest.push_back(static_cast<uint8_t>(id & 0xffU));
    rest.insert(rest.end(), payload.begin(), payload.end());
    return packet(publish_once_at_least, rest);
}

bytes disconnect_packet() {
    return {disconnect, 0};
}

result<void> publish_answers::feed(bytes_view octets) {
    pending_.insert(pending_.end(), octets.begin(), octets.end());
    // CONNACK (3.2) and PUBACK (3.4) have two octets behind the fixed header, and nothing else is answered.
    constexpr size_t size = 4;
    size_t at = 0;
    for (; pending_.size() - at >= size; at += size) {
        const uint8_t* const p = pending_.data() + at;
        if (p[1] != 2) {
            return malformed(fmt::format("the broker sent a packet {:#04x} of {} octets", p[0], p[1]));
        }
        if (p[0] == connack && !connected_) {
            if (p[3] != 0) {
                return fail(error_category::peer, "mqtt_refused",
                            fmt::format("the broker does not let this program in (CONNACK {})", p[3]));
            }
            connected_ = true;
        } else if (p[0] == puback && connected_) {
            taken_.insert(static_cast<uint16_t>(p[2] << 8U | p[3]));
        } else {
            return malformed(fmt::format("the broker sent a packet {:#04x} that nobody waits for", p[0]));
        }
    }
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(at));
    return {};
}

}  // namespace berth::hub

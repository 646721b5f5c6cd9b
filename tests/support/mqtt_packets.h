// Packets of MQTT 3.1.1 by hand, right or wrong, and who sends and reads them over TLS or in WebSocket frames.
#pragma once

#include "hub/mqtt/connect_packet.h"
#include "support/websocket_client.h"

namespace berth::test {

inline bytes mqtt_packet(uint8_t first, std::initializer_list<bytes_view> parts) {
    const bytes body = concat(parts);
    bytes out{first};
    size_t length = body.size();
    do {
        out.push_back(static_cast<uint8_t>(length > 127 ? 0x80 | (length & 127) : length));
        length >>= 7;
    } while (length > 0);
    append(out, body);
    return out;
}
inline bytes mqtt_text(std::string_view text) {
    return concat({bytes{static_cast<uint8_t>(text.size() >> 8), static_cast<uint8_t>(text.size() & 0xff)}, as_bytes(text)});
}
// By QoS 1 unless `number` is 0.
inline bytes mqtt_publish(std::string_view topic, std::string_view payload, uint16_t number = 7) {
    if (number == 0) {
        return mqtt_packet(0x30, {mqtt_text(topic), as_bytes(payload)});
    }
    const bytes id{static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number & 0xff)};
    return mqtt_packet(0x32, {mqtt_text(topic), id, as_bytes(payload)});
}
inline bytes mqtt_subscribe(std::string_view filter) {
    return mqtt_packet(0x82, {bytes{0, 8}, mqtt_text(filter), bytes{0}});
}
inline bytes mqtt_connect(const std::string& name, std::optional<hub::connect_packet::will> will = std::nullopt,
                          bool clean = true) {
    hub::connect_packet p;
    p.client_id = name;
    p.keep_alive = 60;
    p.clean = clean;
    p.last_will = std::move(will);
    return hub::write_connect(p).value();
}

// A device at the broker's own listener, or, where it has opened a WebSocket, there.
class mqtt_by_hand {
public:
    mqtt_by_hand(uint16_t port, const websocket_client::files& by, bool websocket = false) : line_(port, by), framed_(websocket) {
        if (framed_) {
            EXPECT_TRUE(line_.open());
        }
    }
    void send(bytes_view octets) { framed_ ? line_.frame(octets) : line_.send(octets); }
    struct packet {
        uint8_t first = 0;
        bytes body;
        [[nodiscard]] int kind() const { return first >> 4; }
        // Of a PUBLISH.
        [[nodiscard]] std::string topic() const {
            const size_t length = body.size() < 2 ? 0 : static_cast<size_t>(body[0] << 8 | body[1]);
            return std::string(as_text(bytes_view(body).subspan(std::min<size_t>(2, body.size()), length)));
        }
        [[nodiscard]] std::string payload() const {
            return std::string(as_text(bytes_view(body).subspan(2 + topic().size() + ((first & 6) != 0 ? 2 : 0))));
        }
        // Of a PUBACK.
        [[nodiscard]] int number() const { return body.size() < 2 ? -1 : body[0] << 8 | body[1]; }
    };
    // Nothing: the connection has ended.
    std::optional<packet> next() {
        packet out;
        const bytes head = octets(2);
        if (head.size() < 2) {
            return std::nullopt;
        }
        out.first = head[0];
        size_t length = head[1] & 0x7f, shift = 7;
        for (uint8_t last = head[1]; (last & 0x80) != 0; shift += 7) {
            const bytes more = octets(1);
            if (more.empty()) {
                return std::nullopt;
            }
            last = more[0];
            length |= static_cast<size_t>(last & 0x7f) << shift;
        }
        out.body = octets(length);
        return out.body.size() == length ? std::optional(std::move(out)) : std::nullopt;
    }
    // The first one of this kind; those before it are passed over.
    std::optional<packet> next(int kind) {
        auto out = next();
        while (out && out->kind() != kind) {
            out = next();
        }
        return out;
    }
    // What CONNACK says; 255: nothing.
    int log_in(const bytes& connect) {
        send(connect);
        const auto answer = next();
        return answer && answer->kind() == 2 && answer->body.size() == 2 ? answer->body[1] : 255;
    }
    bool subscribe(std::string_view filter) {
        send(mqtt_subscribe(filter));
        const auto answer = next(9);
        return answer && answer->body.size() == 3 && answer->body[2] < 0x80;
    }
    // True: it was acknowledged.
    bool publish(std::string_view topic, std::string_view payload) {
        number_ = number_ == 0xffff ? 1 : static_cast<uint16_t>(number_ + 1);
        send(mqtt_publish(topic, payload, number_));
        const auto answer = next(4);
        return answer && answer->number() == number_;
    }
    // Still connected, and served.
    bool is_there() {
        send(bytes{0xc0, 0});
        return next(13).has_value();
    }
    // Its connection has ended; not: nothing more came.
    bool was_ended() {
        while (next()) {
        }
        return !line_.stalled();
    }
    [[nodiscard]] websocket_client& line() { return line_; }

private:
    // Fewer: the connection has ended.
    bytes octets(size_t most) {
        if (!framed_) {
            return line_.receive(most);
        }
        while (waiting_.size() < most) {
            auto frame = line_.hear();
            if (!frame || frame->opcode == 8) {
                break;
            }
            if (frame->opcode <= 2) {
                append(waiting_, frame->payload);
            }
        }
        const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(std::min(most, waiting_.size()));
        bytes out(waiting_.begin(), end);
        waiting_.erase(waiting_.begin(), end);
        return out;
    }
    websocket_client line_;
    bool framed_;
    uint16_t number_ = 0;
    bytes waiting_;
};

}  // namespace berth::test

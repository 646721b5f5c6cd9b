// What goes by on one connection of MQTT in one direction, told to whoever looks on: messages that are sent with QoS 1, and
// acknowledgements. It frames packets and does not judge them: that is the broker's. Incremental; copies nothing unless a
// packet's beginning comes in pieces.
//
// MQTT 3.1.1 (OASIS, 2014) and 5.0 (2019): section 2 of both, 3.3 PUBLISH, 3.4 PUBACK.
#pragma once

#include "base/bytes.h"

#include <optional>
#include <string>
#include <string_view>

namespace berth::hub {

class packet_watch {
public:
    enum class direction : uint8_t {
        to_client,    // its messages are told
        from_client,  // its acknowledgements are
    };
    explicit packet_watch(direction d) : wanted_(d == direction::to_client ? publish : puback) {}

    struct seen {
        uint16_t number = 0;     // the packet identifier
        std::string_view topic;  // of a message; good until the next call
        uint8_t reason = 0;      // of an acknowledgement in MQTT 5: from 0x80 on it is a refusal
    };
    // The next of what `some` brings to an end, which is taken off `some`. Nothing: all of it is looked at.
    std::optional<seen> next(bytes_view& some);

    // What goes by is no MQTT: nothing of it is told any more.
    [[nodiscard]] bool is_lost() const { return step_ == step::lost; }

private:
    static constexpr uint8_t publish = 3, puback = 4;
    enum class step : uint8_t { type, length, head, rest, lost };

    void begin_body();
    // Its beginning as far as it is wanted; nothing: it is not all there yet.
    std::optional<bytes_view> take_head(bytes_view& some);
    std::optional<seen> read_publish(bytes_view head);
    std::optional<seen> read_puback(bytes_view head);

    uint8_t wanted_;
    step step_ = step::type;
    uint8_t first_ = 0, shift_ = 0;
    bool told_ = false;     // the head of before lies in gathered_ no longer than until the next call
    uint32_t left_ = 0;     // octets of the packet that have not been taken
    uint32_t need_ = 0;     // of the head
    std::string gathered_;  // of a head that comes in pieces
};

}  // namespace berth::hub

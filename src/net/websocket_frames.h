// WebSocket frames (RFC 6455 5) as a server reads and writes them. Without I/O. The payload of messages is handed on in pieces,
// as it comes: nobody who announces a large message makes us keep it.
#pragma once

#include "base/bytes.h"

#include <optional>

namespace berth::net {

// RFC 6455 7.4.1, and the ones that IANA has registered since.
namespace websocket_code {
inline constexpr uint16_t normal = 1000, going_away = 1001, protocol_error = 1002, not_supported = 1003, none = 1005,
                          bad_data = 1007, policy = 1008, too_big = 1009, internal = 1011, try_again_later = 1013;
}  // namespace websocket_code

enum class websocket_opcode : uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

struct websocket_piece {
    websocket_opcode what = websocket_opcode::binary;  // binary, close, ping or pong
    bytes_view octets;                                 // of a message, or the payload of ping and pong; good until the next call
    uint16_t code = websocket_code::none;              // of close
};

// Reads what a client sends. Errors (peer), after which nothing further is read: `websocket_protocol`; `text_refused`: a text
// message, and only binary ones are spoken here; `message_too_large`.
class websocket_reader {
public:
    explicit websocket_reader(size_t most_message) : most_message_(most_message) {}
    // Takes from the front of `input`, which is unmasked in place. Nothing: all was taken, and more is needed.
    result<std::optional<websocket_piece>> next(std::span<uint8_t>& input);

private:
    static constexpr size_t most_header = 14;
    static constexpr size_t most_control = 125;
    [[nodiscard]] size_t header_length() const;
    result<void> begin_frame();
    result<websocket_piece> end_control();
    void unmask(std::span<uint8_t> octets);
    [[nodiscard]] bool is_control() const { return static_cast<uint8_t>(opcode_) >= 8; }

    size_t most_message_;
    std::array<uint8_t, most_header> header_{};
    size_t header_octets_ = 0;  // that have come; of a frame that has begun: all of them
    bool in_frame_ = false, final_ = false, in_message_ = false;
    websocket_opcode opcode_ = websocket_opcode::binary;
    std::array<uint8_t, 4> mask_{};
    uint64_t left_ = 0, taken_ = 0;  // of this frame
    uint64_t message_ = 0;           // octets that its frames have announced
    bytes control_;
};

// The code that tells a peer of such an error.
uint16_t close_code_of(const error& e);

// One frame that is a message of its own. A server masks nothing.
bytes websocket_frame(websocket_opcode what, bytes_view payload);
// The reason is cut to what has room.
bytes websocket_close_frame(uint16_t code, std::string_view reason = {});

}  // namespace berth::net

// The server's end of a WebSocket (RFC 6455) as a stream of octets: binary messages, whose bounds mean nothing. On one loop, that
// of the connection it was an HTTP request on.
#pragma once

#include "net/http.h"
#include "net/loop.h"
#include "net/websocket_frames.h"

#include <chrono>
#include <deque>

namespace berth::net {

class channel;

struct websocket_limits {
    size_t most_message = 1024 * 1024;
    // Nothing came for so long: the peer is asked (ping); nothing for as long again, and it is gone. Not while reading is paused.
    milliseconds quiet = 60'000;
    milliseconds writing = 30'000;  // for 64 KiB: a peer that takes less is cut
    milliseconds closing = 5'000;   // for the peer's part of closing
};

class websocket : public std::enable_shared_from_this<websocket> {
public:
    struct handlers {
        // Octets of binary messages, in pieces.
        std::function<void(bytes_view)> octets;
        // All that was sent has been taken.
        std::function<void()> taken;
        // Once, and nothing after it. Null: the peer has closed. Errors websocket_reader's, `truncated`, `connection_lost`,
        // `quiet`, `slow_peer`, `going_away`.
        std::function<void(const error* why)> over;
    };
    websocket(loop& on, std::shared_ptr<channel> over, std::shared_ptr<const peer_info> peer, const websocket_limits& limits,
              std::function<void()> gone);

    // Begins to read. Before it nothing is called.
    void start(handlers to);
    // As one binary message. What cannot be written at once waits: look at waiting().
    void send(bytes_view octets);
    [[nodiscard]] size_t waiting() const { return queued_ + under_way_; }
    // No further octets are handed on, but for those that were read already.
    void pause() { paused_ = true; }
    void resume();
    // After what waits to be sent. `over` is not called any more.
    void close(uint16_t code, std::string_view reason);

    [[nodiscard]] loop& on() const { return on_; }
    [[nodiscard]] const peer_info& peer() const { return *peer_; }

    // ---- for the connection that it was
    // Octets that came behind the request.
    void preface(bytes first) { input_ = std::move(first); }
    void go_away();
    void abandon();  // `gone` is not called

private:
    enum class phase : uint8_t { open, closing, over };
    void read();
    void received(std::span<uint8_t> octets);
    void take(const websocket_piece& piece);
    void write();
    void written(const error* why);
    void queue(bytes frame);
    void refuse(const error& why);
    void broken(const error& why);
    void tell(const error* why);
    void finish();
    void end();
    void look();

    loop& on_;
    std::shared_ptr<channel> channel_;
    std::shared_ptr<const peer_info> peer_;
    websocket_limits limits_;
    std::function<void()> gone_;
    handlers to_;
    websocket_reader reader_;
    timer quiet_, writing_, closing_;
    bytes input_;
    std::deque<bytes> queue_;  // whole frames
    size_t queued_ = 0;        // octets of them
    std::optional<bytes> pong_;
    size_t under_way_ = 0;
    std::chrono::steady_clock::time_point heard_;
    phase phase_ = phase::open;
    bool reading_ = false, paused_ = false, pinged_ = false, they_closed_ = false, shut_ = false;
};

}  // namespace berth::net

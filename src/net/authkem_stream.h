// An AuthKEM connection over TCP, by callbacks on the loop's thread.
#pragma once

#include "authkem/connection.h"
#include "base/clock.h"
#include "base/random.h"
#include "net/address.h"
#include "net/loop.h"

#include <memory>

namespace berth::net {

// What happens on a stream. No call comes after on_closed, and none after the stream has gone.
struct stream_events {
    std::function<void()> on_established;         // the handshake is complete
    std::function<void(bytes_view)> on_data;      // application data
    std::function<void(const error*)> on_closed;  // null: an orderly end; else why (connect_failed, a handshake's error, truncated...)
};

struct stream_limits {
    milliseconds connect = 10'000;
    milliseconds handshake = 30'000;
    // A peer that does not read: closed with `slow_peer` once this much waits to be sent.
    size_t most_unsent = 4 * 1024 * 1024;
};

class authkem_stream {
public:
    struct impl;
    explicit authkem_stream(std::shared_ptr<impl> i) : impl_(std::move(i)) {}
    ~authkem_stream();  // abandons the connection without a word
    authkem_stream(authkem_stream&&) noexcept = default;
    authkem_stream& operator=(authkem_stream&&) noexcept;

    // Connects and makes the handshake. The callbacks begin after this has returned.
    static authkem_stream connect(loop& on, const address& to, std::shared_ptr<const authkem::client_context> context,
                                  const clock& time, random_source& random, stream_events events, const stream_limits& limits = {});

    // For streams that a listener has accepted: who is told from now on.
    void set_events(stream_events events);
    // Application data; sent in order. Before establishment and after closing it is dropped.
    void send(bytes_view data);
    // close_notify behind all that was sent, then the end.
    void close();

    [[nodiscard]] bool established() const;
    // Null until established.
    [[nodiscard]] authkem::session* session();
    [[nodiscard]] uint64_t octets_sent() const;
    [[nodiscard]] uint64_t octets_received() const;
    [[nodiscard]] size_t unsent() const;
    [[nodiscard]] std::string peer_address() const;
    [[nodiscard]] std::optional<std::string> alert_sent() const;
    result<void> key_update(bool request_peer);

private:
    std::shared_ptr<impl> impl_;
};

}  // namespace berth::net

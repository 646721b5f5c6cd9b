// An AuthKEM connection over TCP, by callbacks on the loop's thread. Streams end before their loop does.
#pragma once

#include "authkem/connection.h"
#include "base/clock.h"
#include "base/random.h"
#include "net/address.h"
#include "net/loop.h"

#include <memory>

namespace berth::net {

// What happens on a stream. No call comes after on_closed, and none after the stream has gone. A callback may replace
// the events, close the stream and destroy it. Without on_data, data that comes waits, and so does the peer.
struct stream_events {
    std::function<void()> on_established;     // the handshake is complete
    std::function<void(bytes_view)> on_data;  // application data
    std::function<void(const error*)>
        on_closed;  // null: an orderly end; else why (connect_failed, a handshake's error, truncated...)
    // All that was sent has been handed to the system: whoever sends much waits for this rather than pile it up.
    std::function<void()> on_drained = {};
};

struct stream_limits {
    milliseconds connect = 10'000;
    milliseconds handshake = 30'000;
    // A peer that does not read: closed with `slow_peer` once this much waits to be sent.
    size_t most_unsent = 4 * 1024 * 1024;
    // The same name once nothing at all could be written for so long.
    milliseconds stall = 30'000;
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
                                  const clock& time, random_source& random, stream_events events,
                                  const stream_limits& limits = {});

    // For streams that a listener has accepted: who is told from now on.
    void set_events(stream_events events);
    // Application data; sent in order. Before establishment and after closing it is dropped.
    void send(bytes_view data);
    // close_notify behind all that was sent, then the end; data that still comes is dropped. on_closed is told null if
    // all that was sent has been written, whether or not the peer answered.
    void close();
    // close_notify behind all that was sent, and no more; what the peer sends is told until it closes too.
    void finish_sending();
    // Back-pressure on the peer. At most what is read already is told after pause_reading().
    void pause_reading();
    void resume_reading();

    [[nodiscard]] bool established() const;
    // Null until established.
    [[nodiscard]] authkem::session* session();
    [[nodiscard]] uint64_t octets_sent() const;
    [[nodiscard]] uint64_t octets_received() const;
    [[nodiscard]] size_t unsent() const;
    [[nodiscard]] std::string peer_address() const;
    // Names of fatal alerts.
    [[nodiscard]] std::optional<std::string> alert_sent() const;
    [[nodiscard]] std::optional<std::string> alert_received() const;
    // From the transport's standing to establishment; 0 until then.
    [[nodiscard]] double handshake_ms() const;
    result<void> key_update(bool request_peer);

private:
    std::shared_ptr<impl> impl_;
};

}  // namespace berth::net

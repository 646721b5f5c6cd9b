// Accepts AuthKEM connections.
#pragma once

#include "net/authkem_stream.h"

namespace berth::net {

struct listener_limits {
    stream_limits stream;
    // "Before the peer's Finished, limits count only address, KK1 customer (tunnels) and concurrent handshakes"
    // (docs/onboarding.md section 7).
    size_t most_handshakes = 4'096;
    // An IPv6 address counts by its /64: that is what one host has.
    size_t most_handshakes_per_address = 1'024;
    // Several listeners, each on its own loop, share one port; the system spreads the connections over them.
    bool share_port = false;
};

class authkem_listener {
public:
    // A connection that has completed its handshake.
    using accept_handler = std::function<void(authkem_stream)>;
    // A handshake that failed: from where, and why.
    using failure_handler = std::function<void(const std::string& peer, const error& why)>;
    // As above, with the stream for what it still knows (octets, alerts).
    using failure_watcher = std::function<void(const authkem_stream& stream, const error& why)>;
    // Asked for each connection, so that trust and certificates can change under a running listener.
    using context_source = std::function<result<std::shared_ptr<const authkem::server_context>>()>;

    // Errors `bad_address`, `listen_failed`.
    static result<std::unique_ptr<authkem_listener>> listen(loop& on, const address& at, context_source context,
                                                            const clock& time, random_source& random, accept_handler accepted,
                                                            failure_handler failed, const listener_limits& limits = {});
    ~authkem_listener();
    [[nodiscard]] uint16_t port() const;
    [[nodiscard]] size_t handshakes() const;  // under way
    // Ends the handshakes under way, as `replaced`: they were begun under certificates or trust that hold no more.
    void drop_handshakes();
    void watch_failures(failure_watcher watch);

    struct impl;
    explicit authkem_listener(std::shared_ptr<impl> i) : impl_(std::move(i)) {}

private:
    std::shared_ptr<impl> impl_;
};

}  // namespace berth::net

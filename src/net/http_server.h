// An HTTP/1.1 server over plain TCP, TLS or AuthKEM, on one loop.
#pragma once

#include "net/authkem_listener.h"
#include "net/http_codec.h"
#include "net/http_router.h"
#include "net/tls.h"

namespace berth::net {

class connection_count;

// Without encryption: loopback addresses only, unless said otherwise.
struct plain_http {
    bool beyond_loopback = false;
};
// Contexts are asked for at each connection, so that certificates and trust can change under a running server. With several
// servers on loops of their own (beside(); http_front) they are asked for on each of their threads: see current.h.
struct tls_http {
    std::function<result<std::shared_ptr<const tls_context>>()> context;
};
struct authkem_http {
    authkem_listener::context_source context;
    random_source& random;
};
using http_transport = std::variant<plain_http, tls_http, authkem_http>;

struct http_server_limits {
    // The header's limit is every route's; the body's is the most that a route may ask for.
    http_size_limits size;
    size_t most_connections = 4'096;
    size_t most_connections_per_address = 1'024;
    milliseconds handshake = 10'000;
    milliseconds header = 10'000;    // from a request's first octet to its header's last: not prolonged by trickling
    milliseconds body = 60'000;      // from then to the body's last
    milliseconds handling = 60'000;  // until the handler has answered; then 503
    milliseconds writing = 60'000;   // for one response
    milliseconds idle = 60'000;      // between requests
    bool share_port = false;         // as listener_limits
};

// One request and its answer, for metrics and access logs.
struct http_exchange {
    std::string method;
    std::string route;  // as added to the router; empty: none matched
    std::string path;
    unsigned status = 0;
    size_t octets_in = 0;   // of the body
    size_t octets_out = 0;  // of the body
    double ms = 0;          // from the header's last octet to the answer
    std::shared_ptr<const peer_info> peer;
};

class http_server {
public:
    // Errors `bad_address`, `listen_failed`, `plain_not_loopback` (usage). `router` must not change while it serves.
    static result<std::unique_ptr<http_server>> listen(loop& on, const address& at, http_transport transport,
                                                       std::shared_ptr<const http_router> router, const clock& time,
                                                       const http_server_limits& limits = {});
    // At a path of this machine, for its own processes: each request's peer has the user that the kernel names. The socket has
    // `mode` and goes with the server. Errors `bad_address`, `listen_failed`.
    static result<std::unique_ptr<http_server>> listen_local(loop& on, const std::string& path, unsigned mode,
                                                             std::shared_ptr<const http_router> router, const clock& time,
                                                             const http_server_limits& limits = {});
    // Another server of the same socket on another loop: a connection is taken by whichever is free. Transport, routes, limits
    // and clock are `first`'s, and so are the bounds of connections: they hold for both together. No second bind, which
    // SO_REUSEPORT would let another process have too, unnoticed. Neither may run yet. Error `listen_failed`.
    static result<std::unique_ptr<http_server>> beside(const http_server& first, loop& on);
    ~http_server();                            // ends all connections at once
    [[nodiscard]] uint16_t port() const;       // 0 at a path
    [[nodiscard]] size_t connections() const;  // with those of servers beside it
    // The same for other threads, and for longer than the server.
    [[nodiscard]] std::shared_ptr<const connection_count> count() const;
    // Told of every exchange; of handshakes and requests that came to nothing.
    void watch(std::function<void(const http_exchange&)> exchanges, authkem_listener::failure_handler failures = {});
    // For whoever handles requests on another thread than this server's loop; to be set before it runs. `met` may change what
    // is known of a peer before any request of his is seen; `hand_over` gets each request instead of its handler.
    using met_handler = std::function<void(peer_info& who)>;
    using hand_over_handler = std::function<void(const http_router::async_handler& handler, http_request, http_responder)>;
    void redirect(met_handler met, hand_over_handler hand_over);
    // Accepts no more, answers what is being asked, closes the rest; `done` once no connection is left.
    void drain(std::function<void()> done);

    struct impl;
    explicit http_server(std::shared_ptr<impl> i) : impl_(std::move(i)) {}

private:
    std::shared_ptr<impl> impl_;
};

}  // namespace berth::net

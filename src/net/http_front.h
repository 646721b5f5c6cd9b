// An HTTP server whose connections live on threads of their own and whose handlers run on the loop of the caller. While that one
// computes, or waits for a disk, connections are taken, handshakes go on and requests are read; what has come meanwhile is handed
// over together, in one turn of the loop.
//
// On the caller's loop: the handlers, and whatever they keep; listen(), drain() and its `done`, the end of the front. A responder
// may be called there at any later time, also after its connection or the front has gone: then it does nothing.
// On the front's threads: accepting, TLS, parsing and writing HTTP, all limits of time; and therefore, at any time and several at
// once, the transport's source of contexts, the clock, and the watchers.
//
// AuthKEM's connections stay on the caller's loop, however many threads are asked for: its listener shares a source of randomness
// and caches with the caller.
//
// Private keys: a context's key signs on several threads at once. Use threads with keys for which capabilities::concurrent holds
// only: one that a chip keeps has to be used by one thread, and its other keys by the same one (front_threads_for).
#pragma once

#include "net/http_server.h"

namespace berth::net {

struct http_front_options {
    size_t threads = 0;  // 0: everything is on the caller's loop, as with http_server
    // The bounds of connections are those of all threads together.
    http_server_limits limits;
    // What handlers may ask of a peer's exporter: these labels, with an empty context, for these lengths. It is drawn when a
    // handshake ends, for the connection belongs to another thread afterwards; anything else is `no_channel`. So is tls_unique.
    // With 0 threads a peer is asked as with http_server.
    struct exported {
        std::string label;
        size_t length = 0;
    };
    std::vector<exported> exports;
};

class http_front {
public:
    // Errors of http_server::listen; `no_thread`.
    static result<std::unique_ptr<http_front>> listen(loop& on, const address& at, http_transport transport,
                                                      std::shared_ptr<const http_router> router, const clock& time,
                                                      http_front_options options = {});
    // Ends all connections at once, and the threads. Not from a watcher.
    ~http_front();
    http_front(const http_front&) = delete;
    http_front& operator=(const http_front&) = delete;

    [[nodiscard]] uint16_t port() const;
    [[nodiscard]] size_t threads() const;
    // From any thread.
    [[nodiscard]] size_t connections() const;
    // As http_server's, for whoever connects after it; called on the front's threads.
    void watch(std::function<void(const http_exchange&)> exchanges, authkem_listener::failure_handler failures = {});
    // As http_server's: requests that were handed over are answered first. `done` on the caller's loop.
    void drain(std::function<void()> done);

    struct impl;
    explicit http_front(std::unique_ptr<impl> i);

private:
    std::unique_ptr<impl> impl_;
};

// How many threads a server with this key may have, of those that were wanted: none, if the key is in a chip or a token. That
// holder is then asked on the caller's loop alone, as all others of its keys are.
[[nodiscard]] size_t front_threads_for(const keystore::signing_key& key, size_t wanted);

}  // namespace berth::net

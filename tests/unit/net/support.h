// Streams and listeners on loopback, and sockets that are none.
#pragma once

#include "net/authkem_listener.h"
#include "unit/authkem/support.h"

#include <list>

namespace berth::net::test {

using namespace authkem::test;  // NOLINT: the PKI and the configurations of the engine's own tests

const clock& test_clock();

// A loop that fails its test rather than run for ever.
class guarded_loop : public loop {
public:
    explicit guarded_loop(milliseconds at_most = 60'000);
    void run();

private:
    timer guard_;
    milliseconds at_most_;
};

std::shared_ptr<const authkem::client_context> client_context(authkem::client_config config = plain_client());
std::shared_ptr<const authkem::server_context> server_context(authkem::server_config config = plain_server());

// A listener on a free loopback port.
struct served {
    explicit served(loop& on, authkem::server_config config = plain_server(), const listener_limits& limits = {});
    served(loop& on, authkem_listener::context_source source, const listener_limits& limits = {},
           const address& at = {"127.0.0.1", 0});
    // What is done with accepted streams; by default they are kept in `streams`, and their ends in `ends`.
    authkem_listener::accept_handler on_accept;
    authkem_listener::failure_handler on_failure;
    std::list<authkem_stream> streams;
    std::vector<error> failures;
    std::unique_ptr<authkem_listener> listener;
    [[nodiscard]] address at() const { return {"127.0.0.1", listener->port()}; }
};

// What is told of a stream, written down.
struct told {
    bool established = false;
    bytes data;
    bool closed = false;
    std::string end;  // "orderly", or the error's name
    std::vector<std::pair<std::string, std::string>> params;
    [[nodiscard]] std::string param(std::string_view name) const;
};
stream_events write_down(told& into, std::function<void()> when_closed = {}, std::function<void()> when_established = {});

authkem_stream connect(loop& on, const address& to, stream_events events, authkem::client_config config = plain_client(),
                       const stream_limits& limits = {});

// A TCP connection that speaks no AuthKEM. Closed when it goes.
class raw_socket {
public:
    explicit raw_socket(uint16_t port);
    raw_socket(raw_socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    raw_socket& operator=(raw_socket&&) = delete;
    ~raw_socket();
    [[nodiscard]] bool connected() const { return fd_ >= 0; }
    void send(bytes_view data);
    void send(std::string_view text) { send(as_bytes(text)); }
    // Until the peer closes, has sent `most` octets, or is silent for 5 s. `reset`: ended by a reset.
    bytes receive(size_t most = SIZE_MAX);
    void finish_sending();
    bool reset = false;
    bool closed = false;

private:
    int fd_;
};

}  // namespace berth::net::test

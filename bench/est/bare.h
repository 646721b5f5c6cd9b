// libssl alone, blocking, over loopback TCP: TLS 1.3, mutual, X25519MLKEM768, no tickets; each certificate is judged by libssl.
// Its client asks both servers, its own and berthd: what differs between two rates is then the server's.
#pragma once

#include "base/result.h"
#include "crypto/sign.h"
#include "pki/certificate.h"

#include <span>

struct ssl_ctx_st;
struct ssl_st;

namespace berth::est::bench {

// Shared by connections on any thread. Null: libssl refuses the configuration.
using tls_settings = std::shared_ptr<ssl_ctx_st>;
struct tls_side {
    std::vector<pki::certificate> chain;
    const crypto::signing_key& key;
    const pki::certificate& anchor;  // of the other side
};
tls_settings bare_client(const tls_side& own);
tls_settings bare_server(const tls_side& own);

class connection {
public:
    // To "localhost" at 127.0.0.1. Errors of all: `bare_failed`.
    static result<connection> open(const tls_settings& with, uint16_t port);
    // The server's end of an accepted socket, which it owns from then on.
    static result<connection> accept(const tls_settings& with, int socket);
    connection(connection&& other) noexcept : socket_(std::exchange(other.socket_, -1)), ssl_(std::move(other.ssl_)) {}
    connection& operator=(connection&&) = delete;
    ~connection();

    result<void> write(bytes_view all);
    // At least one octet.
    result<size_t> read(std::span<uint8_t> into);
    // Says that no more will come, and waits for the other side to say so too.
    void close();

private:
    connection(int socket, std::shared_ptr<ssl_st> ssl) : socket_(socket), ssl_(std::move(ssl)) {}
    int socket_ = -1;
    std::shared_ptr<ssl_st> ssl_;
};

// A process of its own that answers an octet with an octet on each connection, on as many threads; it goes with the one that
// made it. To be made before that one has threads.
class bare_server_process {
public:
    bare_server_process(const tls_settings& with, size_t threads);
    ~bare_server_process();
    bare_server_process(const bare_server_process&) = delete;
    bare_server_process& operator=(const bare_server_process&) = delete;
    [[nodiscard]] uint16_t port() const { return port_; }
    [[nodiscard]] pid_t pid() const { return pid_; }

private:
    uint16_t port_ = 0;
    pid_t pid_ = -1;
};

}  // namespace berth::est::bench

// A device as cheap as libssl makes one: blocking, over loopback TCP, TLS 1.3 with X25519MLKEM768 alone and no resumption; on it
// what the parts need of MQTT 3.1.1 and HTTP. What two rates differ in is then the server's.
#pragma once

#include "base/result.h"
#include "crypto/sign.h"
#include "pki/certificate.h"

#include <memory>

struct ssl_ctx_st;
struct ssl_st;

namespace berth::hub::bench {

// Shared by connections of any thread. All devices have one key and one CA above them: the server cannot tell.
using tls_settings = std::shared_ptr<ssl_ctx_st>;
tls_settings make_client(const crypto::signing_key& key, const pki::certificate& above, const pki::certificate& server_root);

// Of all connections so far: tickets for a resumption that nobody has asked for. Both arms of a comparison must have none.
size_t tickets_seen();

class connection {
public:
    // To "localhost" at a loopback address. Errors of all: `bench_failed`.
    static result<connection> open(const tls_settings& with, const pki::certificate& leaf, uint16_t port);
    connection(connection&& other) noexcept : socket_(std::exchange(other.socket_, -1)), ssl_(std::move(other.ssl_)) {}
    connection& operator=(connection&&) = delete;
    ~connection();

    result<void> write(bytes_view all);
    // At least one octet.
    result<size_t> read(std::span<uint8_t> into);
    [[nodiscard]] int socket() const { return socket_; }

private:
    connection(int socket, std::shared_ptr<ssl_st> ssl) : socket_(socket), ssl_(std::move(ssl)) {}
    int socket_ = -1;
    std::shared_ptr<ssl_st> ssl_;
};

struct mqtt_packet {
    uint8_t first = 0;  // kind and flags
    bytes body;
};

class mqtt_session {
public:
    // CONNECT, and CONNACK 0. Keep alive: 0.
    static result<mqtt_session> open(const tls_settings& with, const pki::certificate& leaf, uint16_t port,
                                     const std::string& client_id, const std::string& user = "");
    // QoS 1; does not wait for PUBACK.
    result<void> publish(uint16_t id, std::string_view topic, std::string_view payload);
    // Waits for SUBACK.
    result<void> subscribe(const std::string& filter);
    result<mqtt_packet> next();
    result<void> acknowledge(const mqtt_packet& publish);
    result<void> disconnect();
    [[nodiscard]] int socket() const { return over_.socket(); }

private:
    explicit mqtt_session(connection over) : over_(std::move(over)) {}
    connection over_;
    bytes input_;
};

// "topic" and payload of a PUBLISH.
std::pair<std::string, std::string> read_publish(const mqtt_packet& p);

struct http_answer {
    int status = 0;
    std::string body;
};
// On a connection that is kept.
result<http_answer> ask(connection& over, std::string_view method, const std::string& path, std::string_view body);

}  // namespace berth::hub::bench

#include "crypto/crypto_openssl.h"
#include "hub/client.h"
#include "pki/pki_openssl.h"

#include <atomic>
#include <charconv>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace berth::hub::bench {

namespace {

std::atomic<size_t> tickets = 0;

pki::x509_ptr x509(const pki::certificate& from) {
    const uint8_t* at = from.der().data();
    return pki::x509_ptr(d2i_X509(nullptr, &at, static_cast<long>(from.der().size())));
}

tl::unexpected<error> failed(std::string_view doing) {
    return fail(error_category::environment, "bench_failed",
                fmt::format("{}: {}", doing, errno != 0 ? std::strerror(errno) : crypto::openssl_errors()));
}

int count_ticket(SSL*, SSL_SESSION*) {
    ++tickets;
    return 0;
}

// Connections that have ended keep their ports for a minute: there are not enough of them at one address.
sockaddr_in own_address() {
    static std::atomic<uint32_t> next = 0;
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_addr.s_addr = htonl(0x7f000002 + next++ % 250);
    return out;
}

void add_text(bytes& to, std::string_view text) {
    to.push_back(static_cast<uint8_t>(text.size() >> 8));
    to.push_back(static_cast<uint8_t>(text.size()));
    append(to, as_bytes(text));
}

// MQTT 3.1.1, 2.2: kind, flags, remaining length.
bytes packet(uint8_t first, const bytes& body) {
    bytes out{first};
    size_t left = body.size();
    do {
        const auto digit = static_cast<uint8_t>(left % 128);
        left /= 128;
        out.push_back(left > 0 ? digit | 0x80 : digit);
    } while (left > 0);
    append(out, body);
    return out;
}

}  // namespace

size_t tickets_seen() {
    return tickets;
}

tls_settings make_client(const crypto::signing_key& key, const pki::certificate& above, const pki::certificate& server_root) {
    const tls_settings c(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    const auto pkcs8 = key.to_pkcs8();
    if (!c || !pkcs8) {
        return nullptr;
    }
    const uint8_t* at = pkcs8->reveal().data();
    const crypto::evp_pkey_ptr own(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(pkcs8->reveal().size())));
    const bool fine = own && SSL_CTX_use_PrivateKey(c.get(), own.get()) == 1 &&
                      X509_STORE_add_cert(SSL_CTX_get_cert_store(c.get()), x509(server_root).get()) == 1 &&
                      SSL_CTX_set1_groups_list(c.get(), "X25519MLKEM768") == 1 &&
                      SSL_CTX_set_ciphersuites(c.get(), "TLS_AES_256_GCM_SHA384") == 1 &&
                      SSL_CTX_set_min_proto_version(c.get(), TLS1_3_VERSION) == 1 &&
                      SSL_CTX_add1_chain_cert(c.get(), x509(above).get()) == 1;
    SSL_CTX_set_mode(c.get(), SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_session_cache_mode(c.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c.get(), count_ticket);
    SSL_CTX_set_verify(c.get(), SSL_VERIFY_PEER, nullptr);
    return fine ? c : nullptr;
}

result<connection> connection::open(const tls_settings& with, const pki::certificate& leaf, uint16_t port) {
    errno = 0;
    connection out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), nullptr);
    const int on = 1;
    const sockaddr_in from = own_address();
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(port);
    if (out.socket_ < 0 || setsockopt(out.socket_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0 ||
        setsockopt(out.socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        ::bind(out.socket_, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0 ||
        ::connect(out.socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
        return failed("connecting");
    }
    out.ssl_ = std::shared_ptr<SSL>(SSL_new(with.get()), SSL_free);
    std::string host = "localhost";
    if (!out.ssl_ || SSL_set_fd(out.ssl_.get(), out.socket_) != 1 || SSL_use_certificate(out.ssl_.get(), x509(leaf).get()) != 1 ||
        SSL_set1_host(out.ssl_.get(), host.c_str()) != 1 ||
        SSL_ctrl(out.ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, host.data()) != 1 ||
        SSL_connect(out.ssl_.get()) != 1) {
        return failed("the handshake");
    }
    return out;
}

connection::~connection() {
    if (socket_ >= 0) {
        ::close(socket_);
    }
}

result<void> connection::write(bytes_view all) {
    errno = 0;
    size_t written = 0;
    if (SSL_write_ex(ssl_.get(), all.data(), all.size(), &written) != 1) {
        return failed("writing");
    }
    return {};
}

result<size_t> connection::read(std::span<uint8_t> into) {
    errno = 0;
    size_t got = 0;
    if (SSL_read_ex(ssl_.get(), into.data(), into.size(), &got) != 1) {
        return failed("reading");
    }
    return got;
}

result<mqtt_session> mqtt_session::open(const tls_settings& with, const pki::certificate& leaf, uint16_t port,
                                        const std::string& client_id, const std::string& user) {
    BERTH_TRY(over, connection::open(with, leaf, port));
    mqtt_session out(std::move(over));
    bytes body;
    add_text(body, "MQTT");
    append(body, bytes{4, static_cast<uint8_t>(user.empty() ? 0x02 : 0x82), 0, 0});  // clean session, no keep alive
    add_text(body, client_id);
    if (!user.empty()) {
        add_text(body, user);
    }
    BERTH_CHECK(out.over_.write(packet(0x10, body)));
    BERTH_TRY(answer, out.next());
    if (answer.first != 0x20 || answer.body.size() != 2 || answer.body[1] != 0) {
        return fail(error_category::environment, "bench_failed", client_id + " was not let in");
    }
    return out;
}

result<void> mqtt_session::publish(uint16_t id, std::string_view topic, std::string_view payload) {
    bytes body;
    body.reserve(topic.size() + payload.size() + 4);
    add_text(body, topic);
    append(body, bytes{static_cast<uint8_t>(id >> 8), static_cast<uint8_t>(id)});
    append(body, as_bytes(payload));
    return over_.write(packet(0x32, body));
}

result<void> mqtt_session::subscribe(const std::string& filter) {
    bytes body{0, 1};
    add_text(body, filter);
    body.push_back(1);
    BERTH_CHECK(over_.write(packet(0x82, body)));
    BERTH_TRY(answer, next());
    if (answer.first != 0x90 || answer.body.size() != 3 || answer.body[2] > 1) {
        return fail(error_category::environment, "bench_failed", filter + " was not granted");
    }
    return {};
}

result<mqtt_packet> mqtt_session::next() {
    for (;;) {
        size_t length = 0, at = 1;
        bool whole = false;
        for (size_t shift = 0; at < input_.size() && at <= 4; shift += 7) {
            const uint8_t digit = input_[at++];
            length |= static_cast<size_t>(digit & 0x7f) << shift;
            if ((digit & 0x80) == 0) {
                whole = input_.size() >= at + length;
                break;
            }
        }
        if (whole) {
            const auto begin = input_.begin() + static_cast<std::ptrdiff_t>(at);
            const auto end = begin + static_cast<std::ptrdiff_t>(length);
            mqtt_packet out{input_.front(), bytes(begin, end)};
            input_.erase(input_.begin(), end);
            return out;
        }
        std::array<uint8_t, 4096> some{};
        BERTH_TRY(count, over_.read(some));
        append(input_, bytes_view(some.data(), count));
    }
}

result<void> mqtt_session::acknowledge(const mqtt_packet& publish) {
    if ((publish.first & 0x06) == 0 || publish.body.size() < 4) {
        return {};
    }
    const size_t topic = static_cast<size_t>(publish.body[0]) << 8 | publish.body[1];
    return over_.write(packet(0x40, {publish.body.at(topic + 2), publish.body.at(topic + 3)}));
}

result<void> mqtt_session::disconnect() {
    return over_.write(bytes{0xe0, 0});
}

std::pair<std::string, std::string> read_publish(const mqtt_packet& p) {
    const size_t topic = p.body.size() < 2 ? 0 : static_cast<size_t>(p.body[0]) << 8 | p.body[1];
    const size_t payload = topic + 2 + ((p.first & 0x06) != 0 ? 2 : 0);
    if ((p.first & 0xf0) != 0x30 || payload > p.body.size()) {
        return {};
    }
    const auto at = [&](size_t n) { return p.body.begin() + static_cast<std::ptrdiff_t>(n); };
    return {std::string(at(2), at(2 + topic)), std::string(at(payload), p.body.end())};
}

result<http_answer> ask(connection& over, std::string_view method, const std::string& path, std::string_view body) {
    const std::string request =
        fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
                    "{}\r\n\r\n{}",
                    method, path, body.size(), body);
    BERTH_CHECK(over.write(as_bytes(request)));
    std::string input;
    for (;;) {
        std::array<uint8_t, 4096> some{};
        BERTH_TRY(count, over.read(some));
        input.append(some.begin(), some.begin() + static_cast<std::ptrdiff_t>(count));
        const size_t end = input.find("\r\n\r\n");
        const size_t length = input.find("Content-Length: ");
        if (end != std::string::npos && input.starts_with("HTTP/1.1 204")) {
            return http_answer{204, {}};
        }
        if (end == std::string::npos || length == std::string::npos || input.size() < 12) {
            continue;
        }
        http_answer out;
        size_t octets = 0;
        std::from_chars(&input[9], &input[12], out.status);
        std::from_chars(&input[length + 16], &input[end], octets);
        if (input.size() >= end + 4 + octets) {
            out.body = input.substr(end + 4, octets);
            return out;
        }
    }
}

}  // namespace berth::hub::bench

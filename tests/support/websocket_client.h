// A WebSocket client over TLS 1.3 that does what it is told, right or wrong: by libssl, and by nothing of ours.
#pragma once

#include "base/bytes.h"

#include <csignal>
#include <optional>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace berth::test {

class websocket_client {
public:
    struct files {
        std::string root, chain, key;  // chain empty: no certificate is shown
    };
    websocket_client(uint16_t port, const files& f) : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
        (void)::signal(SIGPIPE, SIG_IGN);  // whoever is written to may have gone
        EXPECT_EQ(SSL_CTX_load_verify_file(context_.get(), f.root.c_str()), 1);
        if (!f.chain.empty()) {
            EXPECT_EQ(SSL_CTX_use_certificate_chain_file(context_.get(), f.chain.c_str()), 1);
            EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context_.get(), f.key.c_str(), SSL_FILETYPE_PEM), 1);
        }
        SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
        fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_port = htons(port);
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const timeval patience{20, 0};
        (void)::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
        tls_.reset(SSL_new(context_.get()));
        SSL_set_fd(tls_.get(), fd_);
        EXPECT_EQ(SSL_connect(tls_.get()), 1);
    }
    ~websocket_client() {
        tls_.reset();
        ::close(fd_);
    }
    websocket_client(const websocket_client&) = delete;
    websocket_client& operator=(const websocket_client&) = delete;

    void send(bytes_view octets) {
        for (size_t sent = 0; sent < octets.size();) {
            const int some = SSL_write(tls_.get(), octets.data() + sent, static_cast<int>(octets.size() - sent));
            if (some <= 0) {
                return;
            }
            sent += static_cast<size_t>(some);
        }
    }
    // The head of the answer.
    std::string ask(const std::string& more = "", const std::string& subprotocol = "mqtt",
                    const std::string& path = "/$iothub/websocket?api-version=2021-04-12") {
        send(as_bytes("GET " + path +
                      " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: " +
                      subprotocol + "\r\n" + more + "\r\n"));
        std::string out;
        while (out.find("\r\n\r\n") == std::string::npos) {
            const auto next = receive(1);
            if (next.empty()) {
                break;
            }
            out += as_text(next);
        }
        return out;
    }
    bool open() { return ask().starts_with("HTTP/1.1 101 "); }
    // `first`: FIN and opcode; binary if nothing is said.
    void frame(bytes_view payload, uint8_t first = 0x82) {
        bytes out{first};
        if (payload.size() < 126) {
            out.push_back(static_cast<uint8_t>(0x80 | payload.size()));
        } else {
            out.push_back(0x80 | 127);
            for (int i = 7; i >= 0; --i) {
                out.push_back(static_cast<uint8_t>(static_cast<uint64_t>(payload.size()) >> (8 * i)));
            }
        }
        if (payload.size() >= 126 && payload.size() <= 0xffff) {
            out[1] = 0x80 | 126;
            out.erase(out.begin() + 2, out.begin() + 8);
        }
        const std::array<uint8_t, 4> mask{1, 2, 3, 4};
        append(out, mask);
        for (size_t i = 0; i < payload.size(); ++i) {
            out.push_back(static_cast<uint8_t>(payload[i] ^ mask.at(i % 4)));
        }
        send(out);
    }
    struct heard {
        uint8_t opcode = 0;
        bytes payload;
        // Of a Close frame.
        [[nodiscard]] int code() const { return opcode == 8 && payload.size() >= 2 ? payload[0] << 8 | payload[1] : -1; }
    };
    // Nothing: the connection has ended.
    std::optional<heard> hear() {
        const auto head = receive(2);
        if (head.size() < 2) {
            return std::nullopt;
        }
        uint64_t length = head[1] & 0x7f;
        if (length >= 126) {
            const auto more = receive(length == 126 ? 2 : 8);
            length = 0;
            for (const uint8_t one : more) {
                length = length << 8 | one;
            }
        }
        return heard{static_cast<uint8_t>(head[0] & 0x0f), receive(length)};
    }
    // Whatever comes before it is passed over.
    int close_code() {
        while (auto next = hear()) {
            if (next->opcode == 8) {
                return next->code();
            }
        }
        return -1;
    }

    // Everything until the connection ends, or nothing more comes.
    std::string all() {
        std::string out;
        for (bytes some = receive(1); !some.empty(); some = receive(1)) {
            out += as_text(some);
        }
        return out;
    }
    // It was waited for more, in vain.
    [[nodiscard]] bool stalled() const { return stalled_; }

    // Fewer: the connection has ended.
    bytes receive(size_t most) {
        bytes out(most);
        size_t got_so_far = 0;
        while (got_so_far < most) {
            const int some = SSL_read(tls_.get(), out.data() + got_so_far, static_cast<int>(most - got_so_far));
            if (some <= 0) {
                stalled_ = SSL_get_error(tls_.get(), some) == SSL_ERROR_WANT_READ;
                break;
            }
            got_so_far += static_cast<size_t>(some);
        }
        out.resize(got_so_far);
        return out;
    }

private:
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
    struct free_tls {
        void operator()(SSL* s) const { SSL_free(s); }
    };
    std::unique_ptr<SSL, free_tls> tls_;
    int fd_ = -1;
    bool stalled_ = false;
};

}  // namespace berth::test

// Alerts: who can have sent one. A meddler on the path sends some of his own.
#include "unit/net/http_support.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace berth::net::test {

namespace {

// TLS 1.3's plaintext record: an alert, fatal, certificate_revoked.
constexpr std::array<uint8_t, 7> forged{0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 44};

// Stands before a server, and passes on what both say until it sends an alert in the server's place.
class meddler {
public:
    enum class moment : uint8_t { at_once, after_the_handshake };
    meddler(moment when, uint16_t server) : when_(when), server_(server), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in at = loopback(0);
        EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
        EXPECT_EQ(::listen(listener_, 8), 0);
        socklen_t size = sizeof at;
        EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size), 0);
        port = ntohs(at.sin_port);
        thread_ = std::thread([this] { run(); });
    }
    ~meddler() {
        stop_ = true;
        thread_.join();
        ::close(listener_);
    }
    uint16_t port = 0;
    std::atomic<int> sent = 0;

private:
    static sockaddr_in loopback(uint16_t port) {
        sockaddr_in out{};
        out.sin_family = AF_INET;
        out.sin_port = htons(port);
        out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return out;
    }
    void run() {
        while (!stop_) {
            pollfd waiting{listener_, POLLIN, 0};
            if (::poll(&waiting, 1, 20) == 1) {
                const int client = ::accept(listener_, nullptr, nullptr);
                serve(client);
                ::close(client);
            }
        }
    }
    void serve(int client) {
        const int server = ::socket(AF_INET, SOCK_STREAM, 0);
        const sockaddr_in at = loopback(server_);
        EXPECT_EQ(::connect(server, reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
        bool answered = false, done = false;
        std::array<char, 16384> block;
        while (!stop_) {
            std::array<pollfd, 2> both{{{client, POLLIN, 0}, {done ? -1 : server, POLLIN, 0}}};
            if (::poll(both.data(), both.size(), 20) <= 0) {
                continue;
            }
            if (both[1].revents != 0) {
                const auto got = ::recv(server, block.data(), block.size(), 0);
                if (got <= 0) {
                    break;
                }
                answered = true;
                EXPECT_EQ(::send(client, block.data(), static_cast<size_t>(got), MSG_NOSIGNAL), got);
            }
            if (both[0].revents != 0) {
                const auto got = ::recv(client, block.data(), block.size(), 0);
                if (got <= 0) {
                    break;
                }
                if (!done && (when_ == moment::at_once || answered)) {
                    // Behind the server's flight the client's is its last: with that it is done, and waits for an answer.
                    ++sent;
                    EXPECT_EQ(::send(client, forged.data(), forged.size(), MSG_NOSIGNAL), static_cast<ssize_t>(forged.size()));
                    done = true;
                }
                if (!done) {
                    EXPECT_EQ(::send(server, block.data(), static_cast<size_t>(got), MSG_NOSIGNAL), got);
                }
            }
        }
        ::close(server);
    }

    moment when_;
    uint16_t server_;
    int listener_;
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

// What a client makes of it that asks at that port.
error asked(guarded_loop& on, uint16_t port) {
    error out{error_category::internal, "answered", ""};
    http_client c(on, {"localhost", port}, tls_client(plain_tls_client()));
    c.send({.method = "POST", .target = "/echo", .headers = {}, .body = "x", .path = {}, .query = {}, .params = {}, .peer = {}},
           [&](const result<http_response>& r) {
               out = r ? out : r.error();
               on.stop();
           });
    on.run();
    return out;
}

std::string alert_of(const error& e) {
    for (const auto& [key, value] : e.params) {
        if (key == "alert") {
            return value;
        }
    }
    return "none";
}

std::unique_ptr<http_server> listening(guarded_loop& on, tls_server_config config) {
    auto made = http_server::listen(on, {"127.0.0.1", 0}, tls_http{[context = tls_server(std::move(config))] { return context; }},
                                    test_router(on), test_clock());
    EXPECT_TRUE(made);
    return std::move(*made);
}

}  // namespace

TEST(tls_alert, of_the_server_after_the_handshake_says_which) {
    guarded_loop on;
    auto config = plain_tls_server();
    config.clients = tls_server_config::client_certificate::require;
    const auto server = listening(on, std::move(config));
    const error why = asked(on, server->port());
    EXPECT_EQ(why.name, "tls_failed") << why.message;
    EXPECT_EQ(alert_of(why), "116") << "certificate_required";
}

TEST(tls_alert, of_somebody_on_the_path_is_nobodys_word) {
    for (const auto when : {meddler::moment::at_once, meddler::moment::after_the_handshake}) {
        guarded_loop on;
        const auto server = listening(on, plain_tls_server());
        meddler between(when, server->port());
        const error why = asked(on, between.port);
        EXPECT_GT(between.sent, 0);
        EXPECT_EQ(why.name, "tls_failed") << why.message;
        EXPECT_EQ(alert_of(why), "none") << why.message;
    }
}

}  // namespace berth::net::test

// Clients that do not speak HTTP as they should, by bare sockets.
#include "unit/net/http_support.h"

#include <atomic>
#include <thread>

namespace berth::net::test {

namespace {

// A server on a thread of its own, so that a test may block.
class background_server {
public:
    explicit background_server(const http_server_limits& limits = {}) {
        auto made = http_server::listen(on_, {"127.0.0.1", 0}, plain_http{}, test_router(on_), test_clock(), limits);
        EXPECT_TRUE(made);
        server_ = std::move(*made);
        port = server_->port();
        thread_ = std::thread([this] { on_.run(); });
    }
    ~background_server() {
        on_.post([this] {
            server_.reset();
            on_.stop();
        });
        thread_.join();
    }
    uint16_t port = 0;

private:
    guarded_loop on_;
    std::unique_ptr<http_server> server_;
    std::thread thread_;
};

// Everything that the server says to this text until it closes.
std::string say(uint16_t port, std::string_view text, bool finish = false) {
    raw_socket s(port);
    s.send(text);
    if (finish) {
        s.finish_sending();
    }
    const bytes answer = s.receive();
    EXPECT_FALSE(s.reset) << text;
    return std::string(as_text(answer));
}

size_t count(std::string_view in, std::string_view what) {
    size_t n = 0;
    for (size_t at = in.find(what); at != std::string_view::npos; at = in.find(what, at + what.size())) {
        ++n;
    }
    return n;
}

}  // namespace

TEST(http_hostile, malformed_requests_are_refused_and_the_connection_closed) {
    background_server s;
    const std::pair<std::string, const char*> cases[] = {
        {"GARBAGE\r\n\r\n", "400"},
        {"GET / HTTP/3.0\r\nHost: h\r\n\r\n", "505"},
        {"GET /hello HTTP/1.1\r\n\r\n", "400"},
        {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
        {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", "501"},
        {"GET /hello HTTP/1.1\r\nHost: h\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n", "431"},
        {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000001\r\n\r\n", "413"},
        {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000001\r\n\r\n" + std::string(500'000, 'x'), "413"},
        {"POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n\r\n" + std::string(500'000, 'x'), "405"},
        {"BREW /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n", "501"},
    };
    for (const auto& [text, status] : cases) {
        const std::string answer = say(s.port, text);
        EXPECT_EQ(answer.substr(0, 12), std::string("HTTP/1.1 ") + status) << text.substr(0, 80);
        EXPECT_THAT(answer, testing::HasSubstr("Connection: close")) << text.substr(0, 80);
        EXPECT_EQ(count(answer, "Content-Length: "), 1U);
    }
}

TEST(http_hostile, chunked_bodies_are_counted) {
    background_server s;
    std::string text = "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (int i = 0; i < 101; ++i) {
        text += "2710\r\n" + std::string(10'000, 'c') + "\r\n";
    }
    EXPECT_EQ(say(s.port, text).substr(0, 12), "HTTP/1.1 413");
}

TEST(http_hostile, pipelined_requests_are_answered_in_order) {
    background_server s;
    std::string text;
    for (int i = 0; i < 50; ++i) {
        text +=
            "GET /things/" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n" + (i == 49 ? "Connection: close\r\n" : "") + "\r\n";
    }
    const std::string answer = say(s.port, text);
    EXPECT_EQ(count(answer, "HTTP/1.1 200"), 50U);
    size_t at = 0;
    for (int i = 0; i < 50; ++i) {
        at = answer.find("\r\n\r\n" + std::to_string(i), at);
        ASSERT_NE(at, std::string::npos) << i;
    }
}

TEST(http_hostile, client_that_trickles_a_header_is_cut_off_in_time) {
    http_server_limits limits;
    limits.header = 200;
    background_server s(limits);
    raw_socket c(s.port);
    const auto begin = std::chrono::steady_clock::now();
    c.send("GET /hello HTTP/1.1\r\nHost: h\r\n");
    std::atomic<bool> over = false;
    std::thread trickle([&] {
        for (int i = 0; i < 20 && !over; ++i) {
            c.send("X");
            std::this_thread::sleep_for(std::chrono::milliseconds(25));
        }
    });
    const bytes answer = c.receive();
    over = true;
    const auto took = std::chrono::steady_clock::now() - begin;
    trickle.join();
    EXPECT_EQ(as_text(answer).substr(0, 12), "HTTP/1.1 408");
    EXPECT_LT(took, std::chrono::seconds(5));
}

TEST(http_hostile, client_that_trickles_a_body_is_cut_off_in_time) {
    http_server_limits limits;
    limits.body = 200;
    background_server s(limits);
    raw_socket c(s.port);
    c.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nabc");
    EXPECT_EQ(as_text(c.receive()).substr(0, 12), "HTTP/1.1 408");
}

TEST(http_hostile, client_that_says_nothing_is_closed_without_a_word) {
    http_server_limits limits;
    limits.header = 100;
    background_server s(limits);
    raw_socket c(s.port);
    EXPECT_TRUE(c.receive().empty());
    EXPECT_TRUE(c.closed);
}

TEST(http_hostile, connections_of_one_address_are_limited) {
    http_server_limits limits;
    limits.most_connections_per_address = 3;
    background_server s(limits);
    std::vector<raw_socket> held;
    for (int i = 0; i < 3; ++i) {
        held.emplace_back(s.port);
        held.back().send("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
        EXPECT_FALSE(held.back().receive(20).empty());
    }
    raw_socket one_more(s.port);
    EXPECT_TRUE(one_more.receive().empty());
    EXPECT_TRUE(one_more.closed);
}

TEST(http_hostile, half_closed_client_still_gets_its_answer) {
    background_server s;
    EXPECT_THAT(say(s.port, "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n", true), testing::HasSubstr("hello"));
    EXPECT_THAT(say(s.port, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc", true),
                testing::HasSubstr("abc"));
}

TEST(http_hostile, expect_continue_is_met) {
    background_server s;
    raw_socket c(s.port);
    c.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(as_text(c.receive(25)), "HTTP/1.1 100 Continue\r\n\r\n");
    c.send("abc");
    EXPECT_THAT(std::string(as_text(c.receive())), testing::HasSubstr("abc"));
    // And refused before the body is sent.
    EXPECT_EQ(say(s.port, "POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n").substr(0, 12),
              "HTTP/1.1 405");
}

TEST(http_hostile, tls_records_to_a_plain_server_and_text_to_a_tls_server) {
    background_server s;
    EXPECT_EQ(say(s.port, std::string_view("\x16\x03\x01\x00\x05hello\r\n\r\n", 14)).substr(0, 12), "HTTP/1.1 400");

    for (const auto kind : {transport_kind::tls, transport_kind::authkem}) {
        guarded_loop on;
        auto made = http_server::listen(on, {"127.0.0.1", 0}, server_transport(kind), test_router(on), test_clock());
        ASSERT_TRUE(made);
        std::vector<std::string> failures;
        (*made)->watch({}, [&](const std::string&, const error& why) {
            failures.push_back(why.name);
            on.stop();
        });
        raw_socket c((*made)->port());
        c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        on.run();
        EXPECT_EQ(failures.size(), 1U);
    }
}

TEST(http_server, plain_is_for_loopback) {
    guarded_loop on;
    const auto refused = http_server::listen(on, {"0.0.0.0", 0}, plain_http{}, test_router(on), test_clock());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().name, "plain_not_loopback");
    EXPECT_TRUE(http_server::listen(on, {"0.0.0.0", 0}, plain_http{.beyond_loopback = true}, test_router(on), test_clock()));
}

}  // namespace berth::net::test

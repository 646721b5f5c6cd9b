// WebSockets: frames, the opening handshake, and servers that are spoken to as they should be and otherwise.
#include "net/http_front.h"
#include "net/websocket_upgrade.h"
#include "unit/net/http_support.h"

#include <thread>

namespace berth::net::test {

namespace {

// As clients send them.
bytes masked(uint8_t first, bytes_view payload, uint8_t mask = 0x5a) {
    bytes out = websocket_frame(websocket_opcode::binary, payload);
    const size_t header = out.size() - payload.size();
    out[0] = first;
    out[1] |= 0x80;
    out.insert(out.begin() + static_cast<std::ptrdiff_t>(header), 4, mask);
    for (size_t i = header + 4; i < out.size(); ++i) {
        out[i] ^= mask;
    }
    return out;
}
bytes masked(uint8_t first, std::string_view payload) {
    return masked(first, as_bytes(payload));
}

// What a reader makes of these octets, cut into pieces of `at_once`.
std::string read_all(bytes octets, size_t at_once, size_t most = 1'000) {
    websocket_reader reader(most);
    std::string out;
    for (std::span<uint8_t> rest = octets; !rest.empty();) {
        auto some = rest.first(std::min(at_once, rest.size()));
        rest = rest.subspan(some.size());
        while (true) {
            const auto piece = reader.next(some);
            if (!piece) {
                return out + "!" + piece.error().name;
            }
            if (!*piece) {
                break;
            }
            switch ((*piece)->what) {
            case websocket_opcode::ping: out += "<ping " + std::string(as_text((*piece)->octets)) + ">"; break;
            case websocket_opcode::pong: out += "<pong>"; break;
            case websocket_opcode::close: out += fmt::format("<close {}>", (*piece)->code); break;
            default: out += as_text((*piece)->octets);
            }
        }
    }
    return out;
}

}  // namespace

TEST(websocket_frames, are_read_however_they_are_cut) {
    const bytes all = concat({masked(0x02, "one "), masked(0x89, "there?"), masked(0x00, ""), masked(0x80, "message; "),
                              masked(0x82, "another"), masked(0x8a, ""), masked(0x82, std::string(300, 'x')),
                              masked(0x88, std::string_view("\x03\xe8"
                                                            "bye"))});
    const std::string expected = "one <ping there?>message; another<pong>" + std::string(300, 'x') + "<close 1000>";
    for (const size_t at_once : {1UL, 2UL, 7UL, 100UL, 10'000UL}) {
        EXPECT_EQ(read_all(all, at_once), expected) << at_once;
    }
    EXPECT_EQ(read_all(masked(0x88, ""), 100), "<close 1005>");
}

TEST(websocket_frames, that_break_a_rule) {
    const std::pair<bytes, const char*> cases[] = {
        {websocket_frame(websocket_opcode::binary, as_bytes("x")), "websocket_protocol"},  // not masked
        {masked(0xc2, "x"), "websocket_protocol"},                                         // a reserved bit
        {masked(0x83, "x"), "websocket_protocol"},                                         // an opcode that nobody knows
        {masked(0x8b, "x"), "websocket_protocol"},
        {masked(0x81, "x"), "text_refused"},
        {masked(0x80, "x"), "websocket_protocol"},                              // goes on with nothing
        {concat({masked(0x02, ""), masked(0x82, "x")}), "websocket_protocol"},  // begins within another
        {masked(0x09, "x"), "websocket_protocol"},                              // a control frame in pieces
        {masked(0x89, std::string(126, 'x')), "websocket_protocol"},            // too long a one
        {masked(0x88, "x"), "websocket_protocol"},                              // half a code
        {masked(0x88, std::string_view("\x03\xed", 2)), "websocket_protocol"},  // 1005, which is never said
        {masked(0x88, std::string_view("\x00\x00", 2)), "websocket_protocol"},
        {bytes{0x82, 0xfe, 0x00, 0x7d, 0, 0, 0, 0}, "websocket_protocol"},  // 125 in two octets
        {bytes{0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}, "websocket_protocol"},
        {bytes{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, "websocket_protocol"},
        {bytes{0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, "message_too_large"},
        {masked(0x82, std::string(1'001, 'x')), "message_too_large"},
        {concat({masked(0x02, std::string(600, 'x')), masked(0x80, std::string(600, 'x'))}), "message_too_large"},
    };
    for (const auto& [octets, name] : cases) {
        for (const size_t at_once : {1UL, 1'000UL}) {
            const auto got_it = read_all(octets, at_once);
            EXPECT_THAT(got_it, testing::EndsWith(std::string("!") + name))
                << to_hex(bytes_view(octets).first(std::min<size_t>(octets.size(), 20)));
        }
    }
}

TEST(websocket_handshake, answers_as_the_rfc_has_it) {
    // RFC 6455 1.3
    EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

namespace {

constexpr const char* good_request =
    "GET /ws?x=1 HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Protocol: other, echo\r\n";

// Says again what it hears. On a thread of its own, and with connections on `threads` of theirs.
class echo_server {
public:
    explicit echo_server(size_t threads, const websocket_limits& limits = {}) {
        auto router = test_router(on_);
        websocket_route route;
        route.subprotocols = {"echo"};
        route.limits = limits;
        route.admit = [this](const http_request& request) -> tl::expected<websocket_route::opener, http_response> {
            if (request.headers.has("x-refuse")) {
                return tl::unexpected(http_response::text(403, "not you"));
            }
            return websocket_route::opener([this](std::shared_ptr<websocket> socket) {
                auto* const one = socket.get();
                socket->start({[one](bytes_view octets) {
                                   if (as_text(octets) == "flood") {
                                       one->send(bytes(8'000'000, 'f'));
                                   } else if (as_text(octets) == "enough") {
                                       one->close(websocket_code::normal, "as you wish");
                                   } else {
                                       one->send(octets);
                                   }
                               },
                               {},
                               [this](const error* why) {
                                   const std::scoped_lock hold(guard_);
                                   ends_.push_back(why != nullptr ? why->name : "orderly");
                               }});
            });
        };
        router->add_websocket("/ws", std::move(route));
        http_front_options options;
        options.threads = threads;
        auto made = http_front::listen(on_, {"127.0.0.1", 0}, plain_http{}, router, test_clock(), options);
        EXPECT_TRUE(made);
        front_ = std::move(*made);
        port = front_->port();
        thread_ = std::thread([this] { on_.run(); });
    }
    ~echo_server() {
        on_.post([this] {
            front_.reset();
            on_.stop();
        });
        thread_.join();
    }
    void drain() {
        on_.post([this] { front_->drain([] {}); });
    }
    std::string end_of(size_t number) {
        for (int i = 0; i < 500; ++i) {
            {
                const std::scoped_lock hold(guard_);
                if (ends_.size() > number) {
                    return ends_[number];
                }
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        return "still there";
    }
    uint16_t port = 0;

private:
    guarded_loop on_;
    std::mutex guard_;
    std::vector<std::string> ends_;
    std::unique_ptr<http_front> front_;
    std::thread thread_;
};

// A connection that has asked for a WebSocket and was let in.
raw_socket open(uint16_t port, const std::string& behind = "") {
    raw_socket s(port);
    s.send(good_request + std::string("\r\n") + behind);
    std::string answer;
    while (answer.find("\r\n\r\n") == std::string::npos && !s.closed) {
        answer += as_text(s.receive(1));
    }
    EXPECT_THAT(answer, testing::StartsWith("HTTP/1.1 101 Switching Protocols\r\n"));
    EXPECT_THAT(answer, testing::HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    EXPECT_THAT(answer, testing::HasSubstr("Sec-WebSocket-Protocol: echo\r\n"));
    EXPECT_THAT(answer, testing::HasSubstr("Connection: Upgrade\r\n"));
    EXPECT_THAT(answer, testing::Not(testing::HasSubstr("Content-Length")));
    return s;
}

std::string hex_of(uint16_t code) {
    return to_hex(bytes{static_cast<uint8_t>(code >> 8), static_cast<uint8_t>(code & 0xff)});
}

class websocket_server : public testing::TestWithParam<size_t> {};

}  // namespace

INSTANTIATE_TEST_SUITE_P(threads, websocket_server, testing::Values(0, 2));

TEST_P(websocket_server, echoes_and_closes_as_the_client_does) {
    echo_server server(GetParam());
    auto s = open(server.port);
    s.send(masked(0x82, "hello"));
    EXPECT_EQ(to_hex(s.receive(7)), "8205" + to_hex(as_bytes("hello")));
    s.send(masked(0x89, "?"));
    EXPECT_EQ(to_hex(s.receive(3)), "8a01" + to_hex(as_bytes("?")));
    s.send(masked(0x88, std::string_view("\x03\xe9", 2)));
    EXPECT_EQ(to_hex(s.receive()), "8802" + hex_of(1001));
    EXPECT_TRUE(s.closed);
    EXPECT_FALSE(s.reset);
    EXPECT_EQ(server.end_of(0), "orderly");
}

TEST_P(websocket_server, takes_what_comes_with_the_request) {
    echo_server server(GetParam());
    auto s = open(server.port, std::string(as_text(masked(0x82, "early"))));
    EXPECT_EQ(to_hex(s.receive(7)), "8205" + to_hex(as_bytes("early")));
}

TEST_P(websocket_server, closes_first_and_waits_for_the_client) {
    echo_server server(GetParam());
    auto s = open(server.port);
    s.send(masked(0x82, "enough"));
    EXPECT_EQ(to_hex(s.receive(4)), "880d" + hex_of(1000));
    EXPECT_EQ(std::string(as_text(s.receive(11))), "as you wish");
    s.send(masked(0x82, "more"));
    s.send(masked(0x88, std::string_view("\x03\xe8", 2)));
    EXPECT_EQ(s.receive(), bytes());
    EXPECT_TRUE(s.closed);
}

TEST_P(websocket_server, refuses_what_it_does_not_speak) {
    echo_server server(GetParam());
    const std::pair<bytes, uint16_t> cases[] = {{masked(0x81, "text"), 1003},
                                                {websocket_frame(websocket_opcode::binary, as_bytes("bare")), 1002},
                                                {masked(0x82, bytes(2'000'000, 'x')), 1009}};
    size_t number = 0;
    for (const auto& [frame, code] : cases) {
        auto s = open(server.port);
        s.send(bytes_view(frame).first(std::min<size_t>(frame.size(), 100)));
        const auto answer = s.receive();
        ASSERT_GE(answer.size(), 4U);
        EXPECT_EQ(to_hex(bytes_view(answer).subspan(2, 2)), hex_of(code));
        EXPECT_NE(server.end_of(number++), "orderly");
    }
}

TEST_P(websocket_server, hears_of_a_client_that_just_goes) {
    echo_server server(GetParam());
    {
        auto s = open(server.port);
        s.send(bytes_view(masked(0x82, "half of a frame")).first(9));
    }
    EXPECT_THAT(server.end_of(0), testing::AnyOf("truncated", "connection_lost"));
}

TEST_P(websocket_server, says_that_it_goes_away) {
    echo_server server(GetParam());
    auto s = open(server.port);
    server.drain();
    const auto answer = s.receive(4);
    EXPECT_EQ(to_hex(bytes_view(answer).subspan(2)), hex_of(1001));
    EXPECT_EQ(server.end_of(0), "going_away");
}

TEST_P(websocket_server, cuts_who_takes_nothing) {
    websocket_limits limits;
    limits.writing = 300;
    echo_server server(GetParam(), limits);
    auto s = open(server.port);
    s.send(masked(0x82, "flood"));
    EXPECT_EQ(server.end_of(0), "slow_peer");
}

TEST_P(websocket_server, asks_who_is_quiet_and_cuts_who_does_not_answer) {
    websocket_limits limits;
    limits.quiet = 200;
    echo_server server(GetParam(), limits);
    auto quiet = open(server.port);
    EXPECT_EQ(to_hex(quiet.receive(2)), "8900");
    EXPECT_EQ(server.end_of(0), "quiet");
    auto answers = open(server.port);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(to_hex(answers.receive(2)), "8900") << i;
        answers.send(masked(0x8a, ""));
    }
}

TEST_P(websocket_server, refuses_handshakes_and_what_is_behind_them) {
    echo_server server(GetParam());
    const std::string good = good_request;
    const auto with = [&](std::string_view from, std::string_view to) {
        std::string out = good;
        out.replace(out.find(from), from.size(), to);
        return out;
    };
    const std::pair<std::string, const char*> cases[] = {
        {"GET /ws HTTP/1.1\r\nHost: h\r\n", "426"},
        {with("GET", "POST"), "405"},
        {with("HTTP/1.1", "HTTP/1.0"), "400"},
        {with("Upgrade: websocket\r\n", ""), "426"},
        {with("Upgrade: websocket", "Upgrade: h2c"), "426"},
        {with("keep-alive, Upgrade", "keep-alive"), "426"},
        {with("Version: 13", "Version: 12"), "426"},
        {with("Sec-WebSocket-Version: 13\r\n", ""), "426"},
        {with("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ=="), "400"},
        {with("dGhlIHNhbXBsZSBub25jZQ==", "!"), "400"},
        {good + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "400"},
        {with("other, echo", "other"), "400"},
        {with("Sec-WebSocket-Protocol: other, echo\r\n", ""), "400"},
        {good + "Content-Length: 0\r\n", "400"},
        {good + "Content-Length: 5\r\n", "400"},
        {good + "Transfer-Encoding: chunked\r\n", "400"},
        {good + "X-Refuse: me\r\n", "403"},
    };
    for (const auto& [text, status] : cases) {
        raw_socket s(server.port);
        // To whoever stands between, this may be a WebSocket's; to us it must not be a request.
        s.send(text + "\r\nGET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
        const std::string answer(as_text(s.receive()));
        EXPECT_THAT(answer, testing::StartsWith(std::string("HTTP/1.1 ") + status)) << text;
        EXPECT_THAT(answer, testing::HasSubstr("Connection: close")) << text;
        EXPECT_EQ(answer.find("HTTP/1.1 200"), std::string::npos) << text << answer;
        if (status == std::string("426")) {
            EXPECT_THAT(answer, testing::HasSubstr("Upgrade: websocket\r\n"));
        }
    }
}

}  // namespace berth::net::test

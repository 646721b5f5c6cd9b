// The same questions over plain TCP, TLS and AuthKEM.
#include "unit/net/http_support.h"

namespace berth::net::test {

namespace {

class over : public testing::TestWithParam<transport_kind> {
protected:
    guarded_loop on;
    std::unique_ptr<http_server> server;
    void serve(bool mutual = false, const http_server_limits& limits = {}) {
        auto made = http_server::listen(on, {"127.0.0.1", 0}, server_transport(GetParam(), mutual), test_router(on), test_clock(),
                                        limits);
        ASSERT_TRUE(made) << made.error().message;
        server = std::move(*made);
    }
    http_client client(bool mutual = false, const http_client_options& options = {}) {
        return {on, {"127.0.0.1", server->port()}, client_transport(GetParam(), mutual), options};
    }
};

std::string name(const testing::TestParamInfo<transport_kind>& info) {
    return std::string(name_of(info.param));
}

http_request get(std::string target) {
    return {.method = "GET",
            .target = std::move(target),
            .headers = {},
            .body = {},
            .path = {},
            .query = {},
            .params = {},
            .peer = {}};
}

http_request post_echo(std::string body) {
    http_request r = get("/echo");
    r.method = "POST";
    r.body = std::move(body);
    return r;
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(transports, over, testing::Values(transport_kind::plain, transport_kind::tls, transport_kind::authkem),
                         name);

TEST_P(over, answers_one_after_the_other_on_one_connection) {
    serve();
    auto c = client();
    std::vector<http_exchange> seen;
    size_t most = 0;
    server->watch([&](const http_exchange& e) {
        seen.push_back(e);
        most = std::max(most, server->connections());
    });
    http_request head = get("/hello");
    head.method = "HEAD";
    const auto answers = ask(on, c,
                             {get("/hello"), post_echo("something"), get("/things/a%20b?x=1"), get("/later"), head,
                              get("/nothing"), post_echo(""), get("/planned"), get("/echo")});
    ASSERT_EQ(answers.size(), 9U);
    const auto expect = [&](size_t i, unsigned status, std::string_view body) {
        ASSERT_TRUE(answers[i]) << answers[i].error().message;
        EXPECT_EQ(answers[i]->status, status) << i;
        if (status == 200) {
            EXPECT_EQ(answers[i]->body, body) << i;
        }
    };
    expect(0, 200, "hello");
    expect(1, 200, "something");
    expect(2, 200, "a b");
    expect(3, 200, "later");
    expect(4, 200, "");
    EXPECT_EQ(answers[4]->headers.get("content-length"), "5");
    expect(5, 404, "");
    expect(6, 200, "");
    expect(7, 501, "");
    expect(8, 405, "");
    EXPECT_EQ(answers[8]->headers.get("allow"), "POST");
    EXPECT_EQ(answers[0]->headers.get("date"), "Fri, 15 Jan 2027 08:00:00 GMT");
    EXPECT_EQ(most, 1U);
    ASSERT_EQ(seen.size(), 9U);
    EXPECT_EQ(seen[2].route, "/things/{id}");
    EXPECT_EQ(seen[5].route, "");
    EXPECT_EQ(seen[1].octets_in, 9U);
}

TEST_P(over, carries_large_bodies_both_ways) {
    serve();
    auto c = client();
    std::string big(900'000, 'x');
    for (size_t i = 0; i < big.size(); i += 97) {
        big[i] = static_cast<char>('a' + i % 26);
    }
    const auto answers = ask(on, c, {post_echo(big), post_echo(big)});
    ASSERT_TRUE(answers[0] && answers[1]);
    EXPECT_TRUE(answers[0]->body == big);
    EXPECT_TRUE(answers[1]->body == big);
}

TEST_P(over, refuses_bodies_beyond_the_routes_limit) {
    serve();
    auto c = client();
    const auto answers = ask(on, c, {post_echo(std::string(1'000'001, 'x')), get("/hello")});
    ASSERT_TRUE(answers[0]) << answers[0].error().name;
    EXPECT_EQ(answers[0]->status, 413U);
    ASSERT_TRUE(answers[1]);
    EXPECT_EQ(answers[1]->status, 200U);
}

TEST_P(over, tells_handlers_who_asks) {
    const bool mutual = GetParam() != transport_kind::plain;
    serve(mutual);
    auto c = client(mutual);
    std::string exported;
    c.connect([&](const result<std::shared_ptr<const peer_info>>& peer) {
        ASSERT_TRUE(peer) << peer.error().message;
        EXPECT_EQ((*peer)->transport, GetParam());
        const auto secret = (*peer)->exporter("EXPORTER-test", {}, 32);
        exported = secret ? to_hex(secret->reveal()) : secret.error().name;
        if (mutual) {
            EXPECT_EQ((*peer)->state, authkem::verification::verified);
        }
    });
    const auto answers = ask(on, c, {get("/who")});
    ASSERT_TRUE(answers[0]) << answers[0].error().message;
    const auto who = *wire::parse_json_object(answers[0]->body);
    EXPECT_EQ(*wire::text_member(who, "transport"), name_of(GetParam()));
    EXPECT_EQ(*wire::text_member(who, "exporter"), exported);
    if (mutual) {
        EXPECT_EQ(exported.size(), 64U);
        EXPECT_EQ(*wire::text_member(who, "state"), "verified");
        EXPECT_EQ(*wire::text_member(who, "group"), "X25519MLKEM768");
        EXPECT_EQ(*wire::integer_member(who, "chain"), 1);
    } else {
        EXPECT_EQ(exported, "no_channel");
        EXPECT_EQ(*wire::text_member(who, "state"), "none");
    }
    if (GetParam() == transport_kind::tls) {
        EXPECT_EQ(*wire::text_member(who, "protocol"), "TLSv1.3");
    }
}

TEST_P(over, handler_that_never_answers_is_answered_for) {
    http_server_limits limits;
    limits.handling = 50;
    serve(false, limits);
    auto c = client();
    const auto answers = ask(on, c, {get("/never"), get("/hello")});
    ASSERT_TRUE(answers[0] && answers[1]);
    EXPECT_EQ(answers[0]->status, 503U);
    EXPECT_EQ(answers[1]->status, 200U);
}

TEST_P(over, dropped_request_is_an_error_of_ours) {
    serve();
    auto c = client();
    http_request r = get("/dropped");
    r.method = "PUT";
    const auto answers = ask(on, c, {r});
    ASSERT_TRUE(answers[0]);
    EXPECT_EQ(answers[0]->status, 500U);
}

TEST_P(over, client_gives_up_on_a_server_that_does_not_answer) {
    serve();
    http_client_options options;
    options.response = 50;
    auto c = client(false, options);
    const auto answers = ask(on, c, {get("/never"), get("/hello")});
    ASSERT_FALSE(answers[0]);
    EXPECT_EQ(answers[0].error().name, "response_timeout");
    EXPECT_TRUE(answers[1]);
}

TEST_P(over, client_takes_no_more_than_it_wants) {
    serve();
    http_client_options options;
    options.size.most_body = 100;
    auto c = client(false, options);
    const auto answers = ask(on, c, {post_echo(std::string(101, 'x')), post_echo(std::string(100, 'x'))});
    ASSERT_FALSE(answers[0]);
    EXPECT_EQ(answers[0].error().name, "too_large");
    EXPECT_TRUE(answers[1]);
}

TEST_P(over, connection_that_the_server_closed_in_between_is_made_anew) {
    http_server_limits limits;
    limits.idle = 30;
    serve(false, limits);
    auto c = client();
    ASSERT_TRUE(ask(on, c, {get("/hello")})[0]);
    guarded_loop* again = &on;
    timer wait(on);
    std::vector<result<http_response>> answers;
    wait.arm(150, [&] {
        c.send(get("/hello"), [&](result<http_response> r) {
            answers.push_back(std::move(r));
            again->stop();
        });
    });
    on.restart();
    on.run();
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_TRUE(answers[0]);
}

TEST_P(over, server_drains) {
    serve();
    auto idle = client();
    ASSERT_TRUE(ask(on, idle, {get("/hello")})[0]);
    on.restart();
    auto busy = client();
    std::vector<result<http_response>> answers;
    bool drained = false;
    busy.send(get("/later"), [&](result<http_response> r) { answers.push_back(std::move(r)); });
    server->watch([&](const http_exchange&) {
        // While one answer is being written.
        server->drain([&] {
            drained = true;
            on.stop();
        });
    });
    on.run();
    EXPECT_TRUE(drained);
    EXPECT_EQ(server->connections(), 0U);
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_TRUE(answers[0]);
}

// A turn may end with a commit to the disk: a server that took one connection in each would serve as few in a second.
TEST_P(over, takes_those_that_wait_in_one_turn) {
    serve();
    std::list<raw_socket> waiting;
    for (size_t i = 0; i < 20; ++i) {
        waiting.emplace_back(server->port());
    }
    size_t first = 0;
    const std::function<void()> look = [&] {
        first = server->connections();
        first == 0 ? on.post(look) : on.stop();
    };
    on.post(look);
    on.run();
    // The kernel may not be done with the last one.
    EXPECT_GE(first, waiting.size() - 1);
}

TEST_P(over, handlers_may_end_the_server_and_the_client) {
    serve();
    auto router = test_router(on);
    router->add("GET", "/end", [this](const http_request&) {
        server.reset();
        return http_response::empty();
    });
    auto made = http_server::listen(on, {"127.0.0.1", 0}, server_transport(GetParam()), router, test_clock());
    ASSERT_TRUE(made);
    server = std::move(*made);
    std::optional<http_client> c(client());
    c->send(get("/end"), [&](const result<http_response>& r) {
        EXPECT_FALSE(r);
        c.reset();
        on.stop();
    });
    on.run();
    EXPECT_FALSE(server);
    EXPECT_FALSE(c);
}

}  // namespace berth::net::test

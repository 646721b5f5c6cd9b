// Connections on threads of their own, handlers on this one.
#include "net/http_front.h"

#include "net/current.h"
#include "net/mailbox.h"
#include "unit/net/http_support.h"

#include <atomic>
#include <cstdlib>
#include <latch>
#include <mutex>
#include <thread>

namespace berth::net::test {

namespace {

http_request get(std::string target) {
    http_request out;
    out.target = std::move(target);
    return out;
}

tls_server_config asking_clients() {
    auto config = plain_tls_server();
    config.clients = tls_server_config::client_certificate::require;
    return config;
}

// Asks once, on a loop and a connection of its own; an error's name, or the body.
std::string ask_once(uint16_t port, const channel_transport& over, const std::string& target) {
    guarded_loop on;
    http_client client(on, {"127.0.0.1", port}, over);
    const auto answers = ask(on, client, {get(target)});
    return answers.empty() ? "nothing" : answers[0] ? answers[0]->body : answers[0].error().name;
}

class front : public testing::TestWithParam<size_t> {
protected:
    guarded_loop on;
    std::unique_ptr<http_front> server;
    std::shared_ptr<http_router> router = test_router(on);

    void serve(http_transport over = plain_http{}, const http_server_limits& limits = {}) {
        http_front_options options;
        options.threads = GetParam();
        options.limits = limits;
        options.exports = {{"EXPORTER-test", 32}};
        auto made = http_front::listen(on, {"127.0.0.1", 0}, std::move(over), router, test_clock(), std::move(options));
        ASSERT_TRUE(made) << made.error().message;
        server = std::move(*made);
    }
    // Clients on threads of their own, while this thread's loop runs; until all have done what they do.
    void while_serving(size_t clients, const std::function<void(size_t)>& each) {
        std::atomic<size_t> left = clients;
        std::vector<std::thread> all;
        for (size_t i = 0; i < clients; ++i) {
            all.emplace_back([&, i] {
                each(i);
                if (--left == 0) {
                    on.post([this] { on.stop(); });
                }
            });
        }
        on.run();
        for (auto& t : all) {
            t.join();
        }
        on.restart();
    }
};

std::string name(const testing::TestParamInfo<size_t>& info) {
    return fmt::format("threads_{}", info.param);
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(fronts, front, testing::Values(0, 1, 3), name);

TEST_P(front, handlers_run_on_the_callers_loop_one_after_the_other) {
    const auto mine = std::this_thread::get_id();
    std::vector<std::string> seen;  // without a lock: that is the point
    router->add("GET", "/note/{what}", [&](const http_request& r) {
        EXPECT_EQ(std::this_thread::get_id(), mine);
        seen.push_back(r.params.at("what"));
        return http_response::text(200, r.params.at("what"));
    });
    serve();
    EXPECT_EQ(server->threads(), GetParam());
    std::mutex guard;
    std::set<std::thread::id> watched_on;
    std::atomic<size_t> exchanges = 0;
    server->watch([&](const http_exchange& e) {
        EXPECT_EQ(e.route, "/note/{what}");
        EXPECT_EQ(e.status, 200U);
        ++exchanges;
        const std::scoped_lock hold(guard);
        watched_on.insert(std::this_thread::get_id());
    });
    while_serving(8, [&](size_t i) {
        guarded_loop own;
        http_client client(own, {"127.0.0.1", server->port()}, std::monostate());
        std::vector<http_request> asked;
        for (size_t n = 0; n < 20; ++n) {
            asked.push_back(get(fmt::format("/note/{}-{}", i, n)));
        }
        const auto answers = ask(own, client, std::move(asked));
        ASSERT_EQ(answers.size(), 20U);
        for (size_t n = 0; n < 20; ++n) {
            ASSERT_TRUE(answers[n]) << answers[n].error().message;
            EXPECT_EQ(answers[n]->body, fmt::format("{}-{}", i, n));
        }
    });
    server.reset();
    EXPECT_EQ(seen.size(), 160U);
    EXPECT_EQ(exchanges, 160U);
    EXPECT_EQ(watched_on.contains(mine), GetParam() == 0);
    EXPECT_LE(watched_on.size(), std::max<size_t>(GetParam(), 1));
}

TEST_P(front, all_kinds_of_answers_come_back) {
    serve();
    while_serving(1, [&](size_t) {
        guarded_loop own;
        http_client client(own, {"127.0.0.1", server->port()}, std::monostate());
        auto dropped = get("/dropped");
        dropped.method = "PUT";
        auto head = get("/hello");
        head.method = "HEAD";
        const auto answers = ask(own, client, {get("/later"), head, get("/nothing"), get("/echo"), dropped, get("/hello")});
        std::vector<unsigned> statuses;
        for (const auto& each : answers) {
            statuses.push_back(each ? each->status : 0);
        }
        EXPECT_THAT(statuses, testing::ElementsAre(200, 200, 404, 405, 500, 200));
    });
}

TEST_P(front, a_peers_certificate_and_exporter_are_there) {
    std::vector<std::string> told;
    router->add("GET", "/bound", [&](const http_request& r) {
        const auto known = r.peer->exporter("EXPORTER-test", {}, 32);
        const auto other = r.peer->exporter("EXPORTER-other", {}, 32);
        const auto longer = r.peer->exporter("EXPORTER-test", {}, 48);
        told = {r.peer->chain.front().subject(), known ? to_hex(known->reveal()) : known.error().name,
                other ? "" : other.error().name, longer ? "" : longer.error().name};
        return http_response::text(200, "done");
    });
    serve(tls_http{[context = tls_server(asking_clients())] { return context; }});
    std::string exported;
    while_serving(1, [&](size_t) {
        guarded_loop own;
        http_client client(own, {"127.0.0.1", server->port()}, client_transport(transport_kind::tls, true));
        client.connect([&](const result<std::shared_ptr<const peer_info>>& peer) {
            ASSERT_TRUE(peer) << peer.error().message;
            exported = to_hex((*peer)->exporter("EXPORTER-test", {}, 32)->reveal());
        });
        const auto answers = ask(own, client, {get("/bound")});
        ASSERT_TRUE(answers[0]) << answers[0].error().message;
    });
    ASSERT_EQ(told.size(), 4U);
    EXPECT_EQ(told[1], exported);
    EXPECT_EQ(told[1].size(), 64U);
    // What was not named beforehand is of the thread that has the connection.
    EXPECT_EQ(told[2], GetParam() == 0 ? "" : "no_channel");
    EXPECT_EQ(told[3], GetParam() == 0 ? "" : "no_channel");
}

// RFC 5929 3.1: of TLS 1.2 alone, twelve octets.
TEST_P(front, tls_unique_is_there) {
    if (std::system("command -v curl >/dev/null 2>&1") != 0) {  // NOLINT(concurrency-mt-unsafe)
        GTEST_SKIP() << "curl is not installed";
    }
    std::vector<std::string> told;
    router->add("GET", "/unique", [&](const http_request& r) {
        const auto none = [] { return result<secret_bytes>(fail(error_category::usage, "no_channel", "")); };
        const auto unique = r.peer->tls_unique ? r.peer->tls_unique() : none();
        told.push_back(r.peer->protocol + " " + (unique ? std::to_string(unique->size()) : unique.error().name));
        return http_response::text(200, "x");
    });
    auto config = plain_tls_server();
    config.allow_tls12 = true;
    serve(tls_http{[context = tls_server(config)] { return context; }});
    while_serving(1, [&](size_t) {
        for (const char* const most : {"1.2", "1.3"}) {
            const auto command =
                fmt::format("curl -sk -o /dev/null --max-time 20 --tls-max {} https://127.0.0.1:{}/unique", most, server->port());
            EXPECT_EQ(std::system(command.c_str()), 0);  // NOLINT(concurrency-mt-unsafe)
        }
    });
    EXPECT_THAT(told, testing::ElementsAre("TLSv1.2 12", "TLSv1.3 no_channel"));
}

TEST_P(front, bounds_of_connections_hold_for_all_threads_together) {
    http_server_limits limits;
    limits.most_connections_per_address = 5;
    serve(plain_http{}, limits);
    std::atomic<size_t> refused = 0;
    server->watch({}, [&](const std::string&, const error& why) { refused += why.is("too_many_requests") ? 1 : 0; });
    while_serving(1, [&](size_t) {
        std::vector<raw_socket> held;
        for (size_t i = 0; i < 5; ++i) {
            held.emplace_back(server->port());
            held.back().send("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
            EXPECT_FALSE(held.back().receive(20).empty());
        }
        EXPECT_EQ(server->connections(), 5U);
        for (int i = 0; i < 4; ++i) {
            raw_socket one_more(server->port());
            EXPECT_TRUE(one_more.receive().empty());
            EXPECT_TRUE(one_more.closed);
        }
        // Who goes makes room again: he is gone when the server has closed, too.
        held.back().finish_sending();
        (void)held.back().receive();
        EXPECT_TRUE(held.back().closed);
        while (server->connections() == 5U) {
            std::this_thread::yield();
        }
        held.emplace_back(server->port());
        held.back().send("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
        EXPECT_FALSE(held.back().receive(20).empty());
    });
    EXPECT_EQ(refused, 4U);
}

TEST_P(front, a_second_server_cannot_have_the_port) {
    serve();
    http_front_options options;
    options.threads = GetParam();
    const auto second =
        http_front::listen(on, {"127.0.0.1", server->port()}, plain_http{}, router, test_clock(), std::move(options));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().name, "listen_failed");
    http_front_options outside;
    outside.threads = GetParam();
    const auto beyond = http_front::listen(on, {"0.0.0.0", 0}, plain_http{}, router, test_clock(), std::move(outside));
    ASSERT_FALSE(beyond);
    EXPECT_EQ(beyond.error().name, "plain_not_loopback");
}

TEST_P(front, contexts_are_replaced_while_handshakes_run) {
    auto other = plain_tls_server();
    other.credentials = {tls_leaf("renewed.example")};
    const auto first = tls_server(plain_tls_server());
    const auto second = tls_server(other);
    current<tls_context> shown;
    shown.set(first);
    serve(tls_http{[&]() -> result<std::shared_ptr<const tls_context>> { return shown.get(); }});
    const auto context = tls_client(plain_tls_client());
    timer change(on);
    size_t changes = 0;
    std::function<void()> next = [&] {
        shown.set(++changes % 2 == 0 ? first : second);
        change.arm(1, next);
    };
    next();
    while_serving(4, [&](size_t) {
        for (int i = 0; i < 25; ++i) {
            EXPECT_EQ(ask_once(server->port(), context, "/hello"), "hello");
        }
    });
    EXPECT_GT(changes, 2U);
    change.cancel();
    // The one that was set last is the one that is seen.
    shown.set(second);
    while_serving(1, [&](size_t) {
        guarded_loop own;
        http_client client(own, {"127.0.0.1", server->port()}, context);
        std::string who;
        client.connect([&](const result<std::shared_ptr<const peer_info>>& peer) {
            who = peer ? (*peer)->chain.front().dns_names().front() : peer.error().name;
            own.stop();
        });
        own.run();
        EXPECT_EQ(who, "renewed.example");
    });
}

TEST_P(front, a_context_that_is_missing_refuses_the_connection_and_leaves_its_room) {
    http_server_limits limits;
    limits.most_connections = 1;
    std::atomic<int> asked = 0;
    const auto context = tls_server(plain_tls_server());
    serve(tls_http{[&]() -> result<std::shared_ptr<const tls_context>> {
              return asked++ == 0
                         ? result<std::shared_ptr<const tls_context>>(fail(error_category::environment, "no_key", "gone"))
                         : context;
          }},
          limits);
    std::atomic<size_t> failures = 0;
    server->watch({}, [&](const std::string&, const error& why) { failures += why.is("no_key") ? 1 : 0; });
    while_serving(1, [&](size_t) {
        raw_socket refused(server->port());
        EXPECT_TRUE(refused.receive().empty());
        EXPECT_EQ(ask_once(server->port(), tls_client(plain_tls_client()), "/hello"), "hello");
    });
    EXPECT_EQ(failures, 1U);
}

TEST_P(front, an_answer_after_its_connection_has_gone_is_nobodys) {
    std::optional<http_responder> kept;
    router->add_async("GET", "/kept", [&](const http_request&, const http_responder& respond) {
        kept.emplace(respond);
        on.stop();
    });
    serve();
    std::optional<raw_socket> client(server->port());
    client->send("GET /kept HTTP/1.1\r\nHost: h\r\n\r\n");
    on.run();
    on.restart();
    ASSERT_TRUE(kept);
    client.reset();
    (*kept)(http_response::text(200, "late"));
    EXPECT_TRUE(kept->answered());
    kept.reset();
    while_serving(1, [&](size_t) { EXPECT_EQ(ask_once(server->port(), std::monostate(), "/hello"), "hello"); });
}

TEST_P(front, an_answer_after_the_front_has_gone_is_nobodys) {
    std::vector<http_responder> kept;
    router->add_async("GET", "/kept", [&](const http_request&, const http_responder& respond) {
        kept.push_back(respond);
        if (kept.size() == 2) {
            server.reset();  // within a handler
            on.stop();
        }
    });
    serve();
    raw_socket a(server->port());
    raw_socket b(server->port());
    a.send("GET /kept HTTP/1.1\r\nHost: h\r\n\r\n");
    b.send("GET /kept HTTP/1.1\r\nHost: h\r\n\r\n");
    on.run();
    EXPECT_FALSE(server);
    EXPECT_TRUE(a.receive().empty());
    EXPECT_TRUE(b.receive().empty());
    kept.front()(http_response::text(200, "late"));
    kept.clear();  // without an answer: 500, to nobody
    on.restart();
    on.post([&] { on.stop(); });
    on.run();
}

TEST_P(front, one_that_is_answered_too_late_was_told_503_and_the_next_is_answered) {
    http_server_limits limits;
    limits.handling = 1'500;
    std::optional<http_responder> kept;
    router->add_async("GET", "/kept", [&](const http_request&, const http_responder& respond) { kept.emplace(respond); });
    serve(plain_http{}, limits);
    while_serving(1, [&](size_t) {
        guarded_loop own;
        http_client client(own, {"127.0.0.1", server->port()}, std::monostate());
        const auto answers = ask(own, client, {get("/kept"), get("/hello")});
        ASSERT_TRUE(answers[0] && answers[1]);
        EXPECT_EQ(answers[0]->status, 503U);
        EXPECT_EQ(answers[1]->status, 200U);
    });
    ASSERT_TRUE(kept);
    (*kept)(http_response::text(200, "late"));
    while_serving(1, [&](size_t) { EXPECT_EQ(ask_once(server->port(), std::monostate(), "/hello"), "hello"); });
}

// Whoever was told that it was too late comes again: what was done for him meanwhile would be for nobody.
TEST_P(front, what_the_loop_comes_to_too_late_is_not_done) {
    if (GetParam() == 0) {
        GTEST_SKIP() << "a loop that is stopped reads no requests";
    }
    http_server_limits limits;
    limits.handling = 1'500;
    std::latch stopped(1), told(1);
    size_t counted = 0;
    router->add("GET", "/stop", [&](const http_request&) {
        stopped.count_down();
        told.wait();
        return http_response::text(200, "went on");
    });
    router->add("GET", "/count", [&](const http_request&) {
        ++counted;
        return http_response::text(200, "counted");
    });
    serve(plain_http{}, limits);
    while_serving(2, [&](size_t i) {
        guarded_loop own;
        http_client client(own, {"127.0.0.1", server->port()}, std::monostate());
        if (i == 0) {
            (void)ask(own, client, {get("/stop")});
            return;
        }
        stopped.wait();
        const auto answers = ask(own, client, {get("/count")});
        EXPECT_TRUE(answers[0] && answers[0]->status == 503U);
        told.count_down();
    });
    while_serving(1, [&](size_t) { EXPECT_EQ(ask_once(server->port(), std::monostate(), "/hello"), "hello"); });
    EXPECT_EQ(counted, 0U);
    while_serving(1, [&](size_t) { EXPECT_EQ(ask_once(server->port(), std::monostate(), "/count"), "counted"); });
    EXPECT_EQ(counted, 1U);
}

TEST_P(front, ends_while_requests_and_handshakes_are_under_way) {
    for (int round = 0; round < 5; ++round) {
        on.restart();
        size_t handled = 0;
        auto fresh = std::make_shared<http_router>();
        router = fresh;
        fresh->add("GET", "/count", [&](const http_request&) {
            if (++handled == 10) {
                on.stop();
            }
            return http_response::text(200, "x");
        });
        serve(tls_http{[context = tls_server(plain_tls_server())] { return context; }});
        const uint16_t port = server->port();
        std::vector<std::thread> clients;
        const auto context = tls_client(plain_tls_client());
        for (int i = 0; i < 4; ++i) {
            clients.emplace_back([&, port] {
                // Until it is refused: what comes of each depends on when the server goes.
                while (ask_once(port, context, "/count") == "x") {
                }
            });
        }
        on.run();
        server.reset();
        for (auto& each : clients) {
            each.join();
        }
        EXPECT_GE(handled, 10U);
    }
}

TEST_P(front, drains_when_what_is_asked_has_been_answered) {
    std::vector<http_responder> kept;
    std::function<void()> when_all_ask;
    router->add_async("GET", "/kept", [&](const http_request&, const http_responder& respond) {
        kept.push_back(respond);
        if (kept.size() == 4) {
            when_all_ask();
        }
    });
    serve();
    bool drained = false;
    size_t answered_before = 0;
    when_all_ask = [&] {
        server->drain([&] {
            drained = true;
            EXPECT_EQ(answered_before, 4U);
            on.stop();
        });
        on.post([&] {
            EXPECT_FALSE(drained);
            for (auto& each : kept) {
                ++answered_before;
                each(http_response::text(200, "late"));
            }
        });
    };
    std::vector<std::thread> clients;
    std::vector<std::string> got(4);
    for (size_t i = 0; i < 4; ++i) {
        clients.emplace_back([&, i] { got[i] = ask_once(server->port(), std::monostate(), "/kept"); });
    }
    on.run();
    for (auto& each : clients) {
        each.join();
    }
    EXPECT_TRUE(drained);
    EXPECT_THAT(got, testing::Each("late"));
    EXPECT_EQ(server->connections(), 0U);
    // Nobody is let in any more.
    raw_socket late(server->port());
    EXPECT_TRUE(!late.connected() || late.receive().empty());
}

TEST_P(front, drains_at_once_when_nobody_is_there) {
    serve();
    bool drained = false;
    server->drain([&] {
        drained = true;
        on.stop();
    });
    EXPECT_FALSE(drained);
    on.run();
    EXPECT_TRUE(drained);
}

TEST(http_front, authkem_stays_on_the_callers_loop) {
    guarded_loop on;
    http_front_options options;
    options.threads = 2;
    auto made = http_front::listen(on, {"127.0.0.1", 0}, server_transport(transport_kind::authkem), test_router(on), test_clock(),
                                   std::move(options));
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ((*made)->threads(), 0U);
    http_client client(on, {"127.0.0.1", (*made)->port()}, client_transport(transport_kind::authkem));
    const auto answers = ask(on, client, {get("/hello")});
    ASSERT_TRUE(answers[0]) << answers[0].error().message;
    EXPECT_EQ(answers[0]->body, "hello");
}

// Else the handler would wait for ever.
TEST(http_front, handshakes_go_on_while_the_loop_waits) {
    constexpr int clients = 8;
    guarded_loop on;
    auto router = std::make_shared<http_router>();
    std::latch all_are_in(clients);
    int handled = 0;
    router->add("GET", "/x", [&](const http_request&) {
        all_are_in.wait();  // as for a disk
        if (++handled == clients) {
            on.stop();
        }
        return http_response::text(200, "x");
    });
    http_front_options options;
    options.threads = 2;
    const auto context = tls_server(plain_tls_server());
    auto made =
        http_front::listen(on, {"127.0.0.1", 0}, tls_http{[&] { return context; }}, router, test_clock(), std::move(options));
    ASSERT_TRUE(made) << made.error().message;
    const auto over = tls_client(plain_tls_client());
    std::vector<std::thread> all;
    for (int i = 0; i < clients; ++i) {
        all.emplace_back([&] {
            guarded_loop own;
            http_client client(own, {"127.0.0.1", (*made)->port()}, over);
            client.connect([&](const result<std::shared_ptr<const peer_info>>& peer) {
                EXPECT_TRUE(peer);
                all_are_in.count_down();
            });
            const auto answers = ask(own, client, {get("/x")});
            ASSERT_TRUE(answers[0]) << answers[0].error().message;
            EXPECT_EQ(answers[0]->body, "x");
        });
    }
    on.run();
    for (auto& each : all) {
        each.join();
    }
    EXPECT_EQ(handled, clients);
}

// As with an acceptor: else a program that only serves would end at once.
TEST_P(front, keeps_the_callers_loop_running_until_it_has_drained) {
    loop plain;
    http_front_options options;
    options.threads = GetParam();
    auto made = http_front::listen(plain, {"127.0.0.1", 0}, plain_http{}, test_router(plain), test_clock(), std::move(options));
    ASSERT_TRUE(made) << made.error().message;
    std::thread client([&] {
        EXPECT_EQ(ask_once((*made)->port(), std::monostate(), "/hello"), "hello");
        plain.post([&] { (*made)->drain([] {}); });
    });
    plain.run();
    client.join();
}

TEST_P(front, a_loop_that_does_not_run_yet_outlives_its_first_front) {
    serve();
    server.reset();
    serve();
    while_serving(1, [&](size_t) { EXPECT_EQ(ask_once(server->port(), std::monostate(), "/hello"), "hello"); });
}

// Whatever was wished for: see http_front.h.
TEST(http_front, keys_that_a_chip_keeps_have_no_threads) {
    class key_of final : public keystore::signing_key {
    public:
        explicit key_of(keystore::capabilities able) : able_(std::move(able)) {}
        crypto::signature_algorithm algorithm() const override { return like().algorithm(); }
        const crypto::verification_key& public_key() const override { return like().public_key(); }
        result<bytes> sign(bytes_view message) const override { return like().sign(message); }
        const crypto::signing_key& as_signing_key() const override { return like().as_signing_key(); }
        const keystore::capabilities& able() const override { return able_; }

    private:
        static const keystore::signing_key& like() {
            static const auto one = tls_leaf("like.example").key;
            return *one;
        }
        keystore::capabilities able_;
    };
    const auto threads = [](bool hardware, bool concurrent) {
        return front_threads_for(
            key_of({.exportable = false, .hardware = hardware, .post_quantum = false, .concurrent = concurrent, .backend = "x"}),
            3);
    };
    EXPECT_EQ(threads(false, true), 3U);
    EXPECT_EQ(threads(true, false), 0U);
    EXPECT_EQ(threads(true, true), 0U);
    EXPECT_EQ(threads(false, false), 0U);
    EXPECT_EQ(front_threads_for(*tls_leaf("file.example").key, 3), 3U);
}

TEST(mailbox, runs_in_order_and_nothing_after_its_end) {
    guarded_loop on;
    const auto box = std::make_shared<mailbox>(on);
    std::vector<int> ran;
    std::vector<std::thread> all;
    std::atomic<int> put = 0;
    for (int t = 0; t < 3; ++t) {
        all.emplace_back([&, t] {
            for (int i = 0; i < 100; ++i) {
                box->put([&, number = t * 1000 + i] { ran.push_back(number); });
                ++put;
            }
        });
    }
    for (auto& each : all) {
        each.join();
    }
    box->put([&] {
        box->close();
        on.stop();
    });
    box->put([&] { ran.push_back(-1); });
    on.run();
    box->put([&] { ran.push_back(-2); });
    ASSERT_EQ(ran.size(), 300U);
    for (int t = 0; t < 3; ++t) {
        std::vector<int> own;
        std::ranges::copy_if(ran, std::back_inserter(own), [t](int n) { return n / 1000 == t; });
        EXPECT_TRUE(std::ranges::is_sorted(own));
        EXPECT_EQ(own.size(), 100U);
    }
}

// A commit at each turn's end is for so many, and others on the loop come in between.
TEST(mailbox, a_turn_takes_so_much_however_much_there_is) {
    guarded_loop on;
    const auto box = std::make_shared<mailbox>(on);
    size_t run = 0, in_this_turn = 0, most = 0, ends = 0;
    const auto work = [&] {
        ++run;
        if (in_this_turn++ == 0) {
            on.at_turn_end([&] {
                ++ends;
                most = std::max(most, std::exchange(in_this_turn, 0));
            });
        }
    };
    for (size_t i = 0; i < 5 * mailbox::most_in_a_turn; ++i) {
        box->put(work);
    }
    box->put([&] { on.at_turn_end([&] { on.stop(); }); });
    on.run();
    EXPECT_EQ(run, 5 * mailbox::most_in_a_turn);
    EXPECT_GE(ends, 5U);
    EXPECT_LE(most, mailbox::most_in_a_turn);
}

TEST(mailbox, a_turn_takes_no_longer_than_it_may) {
    guarded_loop on;
    const auto box = std::make_shared<mailbox>(on);
    size_t ends = 0;
    for (int i = 0; i < 3; ++i) {
        box->put([&] {
            on.at_turn_end([&] { ++ends; });
            std::this_thread::sleep_for(mailbox::longest_turn);
        });
    }
    box->put([&] { on.at_turn_end([&] { on.stop(); }); });
    on.run();
    EXPECT_EQ(ends, 3U);
}

TEST_P(front, a_head_is_judged_before_its_body_is_read) {
    const auto mine = std::this_thread::get_id();
    std::vector<std::string> asked, handled;
    http_route_options options;
    options.at_head = [&](const http_request& head, const http_responder& respond) {
        EXPECT_EQ(std::this_thread::get_id(), mine);
        EXPECT_TRUE(head.body.empty());
        EXPECT_TRUE(head.peer);
        asked.push_back(head.params.at("what") + head.query.at("t"));
        if (head.query.at("t") == "later") {
            return on.post([respond] { respond(http_response::empty(100)); });
        }
        respond(head.query.at("t") == "good" ? http_response::empty(100) : http_response::text(403, "shut"));
    };
    router->add_async(
        "PUT", "/guarded/{what}",
        [&](const http_request& request, const http_responder& respond) {
            handled.push_back(request.body);
            respond(http_response::text(200, request.body));
        },
        options);
    serve();
    const auto head = [](const char* token, const char* more) {
        return fmt::format("PUT /guarded/a?t={} HTTP/1.1\r\nHost: h\r\n{}\r\n", token, more);
    };
    while_serving(1, [&](size_t) {
        for (const char* const more : {"Content-Length: 60000\r\n", "Content-Length: 60000\r\nExpect: 100-continue\r\n",
                                       "Transfer-Encoding: chunked\r\n"}) {
            raw_socket c(server->port());
            c.send(head("bad", more));
            const std::string said(as_text(c.receive()));  // until it closes, without any of the body
            EXPECT_EQ(said.substr(0, 12), "HTTP/1.1 403") << more;
            EXPECT_THAT(said, testing::HasSubstr("Connection: close")) << more;
        }
        for (const char* const token : {"good", "later"}) {
            raw_socket c(server->port());
            c.send(head(token, "Content-Length: 3\r\nExpect: 100-continue\r\n"));
            EXPECT_EQ(as_text(c.receive(25)), "HTTP/1.1 100 Continue\r\n\r\n");
            c.send("abc");
            // What came with the head is not lost, and what is behind a refusal is nobody's.
            c.send(head(token, "Content-Length: 3\r\n") + "def" + head("bad", "Content-Length: 3\r\n") + "ghi" +
                   head(token, "Content-Length: 3\r\n") + "jkl");
            const std::string said(as_text(c.receive()));
            EXPECT_THAT(said, testing::AllOf(testing::HasSubstr("abc"), testing::HasSubstr("def"), testing::HasSubstr("shut")));
            EXPECT_THAT(said, testing::Not(testing::HasSubstr("jkl")));
        }
        raw_socket none(server->port());
        none.send(head("none", "Content-Length: 0\r\nConnection: close\r\n"));
        EXPECT_EQ(std::string(as_text(none.receive())).substr(0, 12), "HTTP/1.1 200") << "there is nothing to wait for";
    });
    server.reset();
    EXPECT_EQ(asked.size(), 9U);
    EXPECT_EQ(handled, (std::vector<std::string>{"abc", "def", "abc", "def", ""}));
}

}  // namespace berth::net::test

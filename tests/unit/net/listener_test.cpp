#include "unit/net/support.h"

#include "crypto/random.h"

#include <atomic>
#include <thread>

#include <sys/resource.h>

namespace berth::net::test {

namespace {

bool can_open(rlim_t files) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return false;
    }
    if (limit.rlim_cur < files && limit.rlim_max >= files) {
        limit.rlim_cur = files;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur >= files;
}

}  // namespace

TEST(authkem_listener, thousand_half_open_connections_do_not_keep_a_client_out) {
    if (!can_open(2'200)) {
        GTEST_SKIP() << "needs 2 200 open files (ulimit -n)";
    }
    guarded_loop on;
    listener_limits limits;
    limits.stream.handshake = 2'000;
    served s(on, plain_server(), limits);
    std::vector<raw_socket> idle;
    for (int i = 0; i < 1'000; ++i) {
        idle.emplace_back(s.at().port);
        ASSERT_TRUE(idle.back().connected());
    }
    told client;
    std::optional<authkem_stream> c;
    size_t under_way = 0;
    size_t timed_out = 0;
    s.on_failure = [&](const std::string& from, const error& why) {
        EXPECT_EQ(from, "127.0.0.1");
        EXPECT_EQ(why.name, "handshake_timeout");
        if (++timed_out == 1'000) {
            on.stop();
        }
    };
    timer started(on);
    started.arm(200,
                [&] { c.emplace(connect(on, s.at(), write_down(client, {}, [&] { under_way = s.listener->handshakes(); }))); });
    on.run();
    EXPECT_TRUE(client.established);
    EXPECT_GE(under_way, 900U);
    EXPECT_EQ(timed_out, 1'000U);
    EXPECT_EQ(s.listener->handshakes(), 0U);
}

TEST(authkem_listener, one_address_may_have_so_many_handshakes_under_way_and_no_more) {
    guarded_loop on;
    listener_limits limits;
    limits.most_handshakes_per_address = 3;
    served s(on, plain_server(), limits);
    std::vector<raw_socket> idle;
    for (int i = 0; i < 3; ++i) {
        idle.emplace_back(s.at().port);
    }
    told client;
    std::optional<authkem_stream> c;
    std::optional<authkem_stream> d;
    timer step(on);
    s.on_failure = [&](const std::string&, const error& why) { s.failures.push_back(why); };
    step.arm(50, [&] {
        c.emplace(connect(on, s.at(), write_down(client, [&] {
                              // One of them goes: there is room again.
                              idle.pop_back();
                              client = {};
                              step.arm(50, [&] { d.emplace(connect(on, s.at(), write_down(client, {}, [&] { on.stop(); }))); });
                          })));
    });
    on.run();
    EXPECT_TRUE(client.established);
    ASSERT_GE(s.failures.size(), 2U);
    EXPECT_EQ(s.failures[0].name, "too_many_requests");
    EXPECT_EQ(s.failures[1].name, "closed_in_handshake");
}

TEST(authkem_listener, when_all_places_are_taken_the_oldest_silent_one_goes) {
    guarded_loop on;
    listener_limits limits;
    limits.most_handshakes = 3;
    served s(on, plain_server(), limits);
    std::vector<raw_socket> idle;
    for (int i = 0; i < 3; ++i) {
        idle.emplace_back(s.at().port);
    }
    told client;
    std::optional<authkem_stream> c;
    timer step(on);
    s.on_failure = [&](const std::string&, const error& why) { s.failures.push_back(why); };
    step.arm(50, [&] { c.emplace(connect(on, s.at(), write_down(client, {}, [&] { on.stop(); }))); });
    on.run();
    EXPECT_TRUE(client.established);
    ASSERT_EQ(s.failures.size(), 1U);
    EXPECT_EQ(s.failures[0].name, "too_many_requests");
    EXPECT_EQ(s.listener->handshakes(), 2U) << "the two younger ones";
    (void)idle[0].receive();
    EXPECT_TRUE(idle[0].closed || idle[0].reset);
}

TEST(authkem_listener, handshakes_under_way_can_be_ended) {
    guarded_loop on;
    served s(on, plain_server(), {});
    std::vector<raw_socket> idle;
    idle.emplace_back(s.at().port);
    idle.emplace_back(s.at().port);
    timer step(on);
    s.on_failure = [&](const std::string&, const error& why) { s.failures.push_back(why); };
    step.arm(50, [&] {
        ASSERT_EQ(s.listener->handshakes(), 2U);
        s.listener->drop_handshakes();
        on.stop();
    });
    on.run();
    EXPECT_EQ(s.listener->handshakes(), 0U);
    ASSERT_EQ(s.failures.size(), 2U);
    EXPECT_EQ(s.failures[0].name, "replaced");
    for (auto& i : idle) {
        (void)i.receive();
        EXPECT_TRUE(i.closed || i.reset);
    }
}

TEST(authkem_listener, established_connections_do_not_count) {
    guarded_loop on;
    listener_limits limits;
    limits.most_handshakes = 2;
    served s(on, plain_server(), limits);
    std::list<authkem_stream> clients;
    told each[6];
    std::function<void(size_t)> next = [&](size_t i) {
        if (i == 6) {
            on.stop();
            return;
        }
        clients.push_back(connect(on, s.at(), write_down(each[i], {}, [&, i] { on.post([&, i] { next(i + 1); }); })));
    };
    next(0);
    on.run();
    for (const told& t : each) {
        EXPECT_TRUE(t.established);
    }
    EXPECT_EQ(s.streams.size(), 6U);
}

TEST(authkem_listener, context_is_asked_for_each_connection) {
    guarded_loop on;
    size_t asked = 0;
    served s(on, [&]() -> result<std::shared_ptr<const authkem::server_context>> {
        switch (asked++) {
        case 0: return server_context(plain_server(authkem::scheme::mlkem768));
        case 1: return server_context(plain_server(authkem::scheme::mlkem1024));
        default: return fail(error_category::environment, "store_gone", "no context now");
        }
    });
    std::vector<std::string> schemes;
    std::optional<authkem_stream> c;
    told third;
    s.on_failure = [&](const std::string&, const error& why) { s.failures.push_back(why); };
    std::function<void()> next = [&] {
        told& into = third = {};
        c.emplace(connect(on, s.at(),
                          write_down(
                              into, [&] { on.stop(); },
                              [&] {
                                  schemes.emplace_back(crypto::name_of(c->session()->scheme()));
                                  on.post(next);
                              })));
    };
    next();
    on.run();
    EXPECT_THAT(schemes, testing::ElementsAre("mlkem768", "mlkem1024"));
    ASSERT_EQ(s.failures.size(), 1U);
    EXPECT_EQ(s.failures[0].name, "store_gone");
    EXPECT_THAT(third.end, testing::AnyOf("closed_in_handshake", "connection_lost"));
}

TEST(authkem_listener, goes_within_its_own_callbacks) {
    for (const bool accepting : {true, false}) {
        guarded_loop on;
        served s(on);
        told client;
        const auto end = [&] {
            s.listener.reset();
            on.post([&] { on.stop(); });
        };
        s.on_accept = [&](authkem_stream) { end(); };
        s.on_failure = [&](const std::string&, const error&) { end(); };
        auto config = plain_client();
        if (!accepting) {
            config.server.trust = other_root().trust();
        }
        const auto c = connect(on, s.at(), write_down(client), config);
        on.run();
        EXPECT_FALSE(s.listener);
    }
}

TEST(authkem_listener, address_in_use_is_said) {
    guarded_loop on;
    served s(on);
    const auto second = authkem_listener::listen(
        on, s.at(), [] { return server_context(); }, test_clock(), crypto::system_random(), [](authkem_stream) {}, {});
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().name, "listen_failed");
    const auto nowhere = authkem_listener::listen(
        on, {"no-such-host.invalid", 0}, [] { return server_context(); }, test_clock(), crypto::system_random(),
        [](authkem_stream) {}, {});
    ASSERT_FALSE(nowhere);
    EXPECT_EQ(nowhere.error().name, "bad_address");
}

TEST(authkem_listener, many_streams_on_one_loop) {
    constexpr int count = 200;
    guarded_loop on;
    served s(on);
    s.on_accept = [&](authkem_stream stream) {
        auto& kept = s.streams.emplace_back(std::move(stream));
        stream_events events;
        events.on_data = [&](bytes_view data) { kept.send(data); };
        kept.set_events(std::move(events));
    };
    std::vector<told> all(count);
    std::list<authkem_stream> clients;
    int open = count;
    for (int i = 0; i < count; ++i) {
        told& mine = all[static_cast<size_t>(i)];
        const std::string text = "stream " + std::to_string(i);
        auto& c = clients.emplace_back(nullptr);
        auto events = write_down(mine, [&] {
            if (--open == 0) {
                on.stop();
            }
        });
        events.on_established = [&c, text] { c.send(as_bytes(text)); };
        events.on_data = [&c, &mine, text](bytes_view data) {
            append(mine.data, data);
            if (mine.data.size() == text.size()) {
                c.close();
            }
        };
        c = connect(on, s.at(), std::move(events));
    }
    on.run();
    for (int i = 0; i < count; ++i) {
        EXPECT_EQ(as_text(all[static_cast<size_t>(i)].data), "stream " + std::to_string(i));
        EXPECT_EQ(all[static_cast<size_t>(i)].end, "orderly");
    }
}

TEST(authkem_listener, loops_on_several_threads_share_a_port_and_a_context) {
    constexpr size_t loops = 3;
    constexpr int clients_each = 20;
    const auto context = server_context();
    std::atomic<int> served_by[loops] = {};
    std::atomic<uint16_t> port{0};
    std::atomic<bool> over{false};
    std::vector<std::thread> servers;
    std::atomic<size_t> listening{0};
    for (size_t i = 0; i < loops; ++i) {
        servers.emplace_back([&, i] {
            while (i > 0 && port == 0) {
                std::this_thread::yield();
            }
            guarded_loop on;
            listener_limits limits;
            limits.share_port = true;
            served s(on, [&] { return context; }, limits, {"127.0.0.1", port});
            port = s.listener->port();
            s.on_accept = [&](authkem_stream stream) {
                ++served_by[i];
                auto& kept = s.streams.emplace_back(std::move(stream));
                stream_events events;
                events.on_data = [&](bytes_view data) { kept.send(data); };
                kept.set_events(std::move(events));
            };
            timer tick(on);
            std::function<void()> look = [&] {
                if (over) {
                    on.stop();
                } else {
                    tick.arm(5, look);
                }
            };
            look();
            ++listening;
            on.run();
        });
    }
    while (listening < loops) {
        std::this_thread::yield();
    }
    const auto client = client_context();
    std::atomic<int> done{0};
    std::vector<std::thread> clients;
    for (int t = 0; t < 3; ++t) {
        clients.emplace_back([&] {
            guarded_loop on;
            int left = clients_each;
            std::optional<authkem_stream> c;
            std::function<void()> next = [&] {
                stream_events events;
                events.on_established = [&] { c->send(as_bytes("hello")); };
                events.on_data = [&](bytes_view) { c->close(); };
                events.on_closed = [&](const error* why) {
                    EXPECT_EQ(why, nullptr) << why->name;
                    ++done;
                    if (--left == 0) {
                        on.stop();
                    } else {
                        next();
                    }
                };
                c.emplace(authkem_stream::connect(on, {"127.0.0.1", port}, client, test_clock(), crypto::system_random(),
                                                  std::move(events)));
            };
            next();
            on.run();
        });
    }
    for (auto& t : clients) {
        t.join();
    }
    over = true;
    for (auto& t : servers) {
        t.join();
    }
    EXPECT_EQ(done, 3 * clients_each);
    EXPECT_EQ(served_by[0] + served_by[1] + served_by[2], 3 * clients_each);
}

}  // namespace berth::net::test

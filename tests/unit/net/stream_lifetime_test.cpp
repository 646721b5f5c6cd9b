// Streams that end in every way, and callbacks that do what callbacks should not.
#include "unit/net/support.h"

namespace berth::net::test {

namespace {

// A client and a server stream that are established; what happens then is the test's.
struct pair_of_streams {
    guarded_loop on;
    served s;
    told client;
    told server;
    std::optional<authkem_stream> c;
    std::optional<authkem_stream> accepted;
    explicit pair_of_streams(const listener_limits& limits = {}) : s(on, plain_server(), limits) {}

    void when_both_stand(const std::function<void()>& then) {
        int standing = 0;
        const auto stands = [&standing, then] {
            if (++standing == 2) {
                then();
            }
        };
        s.on_accept = [this, stands](authkem_stream stream) {
            accepted.emplace(std::move(stream));
            accepted->set_events(write_down(server));
            stands();
        };
        c.emplace(connect(on, s.at(), write_down(client, {}, [stands] { stands(); })));
        on.run();
    }
    // Runs `then` once both ends are told.
    void stop_when_closed(const told& which) {
        const auto watch = std::make_shared<std::function<void()>>();
        *watch = [this, &which, weak = std::weak_ptr(watch)] {
            if (which.closed) {
                on.stop();
            } else if (const auto again = weak.lock()) {
                poll.arm(1, [again] { (*again)(); });
            }
        };
        (*watch)();
    }
    timer poll{on};
};

}  // namespace

TEST(authkem_stream_lifetime, cut_off_is_truncated_and_close_is_orderly) {
    pair_of_streams cut;
    cut.when_both_stand([&] {
        cut.c.reset();
        cut.stop_when_closed(cut.server);
    });
    EXPECT_EQ(cut.server.end, "truncated");
    EXPECT_FALSE(cut.client.closed);  // its handle has gone

    pair_of_streams closed;
    closed.when_both_stand([&] {
        closed.c->close();
        closed.stop_when_closed(closed.server);
    });
    EXPECT_EQ(closed.server.end, "orderly");
}

TEST(authkem_stream_lifetime, both_close_at_once) {
    pair_of_streams both;
    both.when_both_stand([&] {
        both.c->close();
        both.accepted->close();
        both.c->close();
        both.c->send(as_bytes("too late"));
        both.stop_when_closed(both.server);
    });
    EXPECT_EQ(both.server.end, "orderly");
    EXPECT_TRUE(both.server.data.empty());
}

TEST(authkem_stream_lifetime, end_is_never_told_from_within_the_owners_call) {
    pair_of_streams p;
    p.when_both_stand([&] {
        p.accepted.reset();
        p.c->set_events(write_down(p.client));
        p.c->close();
        EXPECT_FALSE(p.client.closed);
        p.stop_when_closed(p.client);
    });
    EXPECT_EQ(p.client.end, "orderly");
}

TEST(authkem_stream_lifetime, callbacks_destroy_their_own_stream) {
    for (const std::string where : {"established", "data", "closed", "drained"}) {
        guarded_loop on;
        served s(on);
        std::optional<authkem_stream> c;
        bool destroyed = false;
        const auto destroy = [&, owned = std::make_shared<std::string>("kept while the callback runs")](const char* here) {
            if (where == here) {
                c.reset();
                destroyed = true;
                EXPECT_EQ(*owned, "kept while the callback runs");
                on.stop();
            }
        };
        s.on_accept = [&](authkem_stream stream) {
            s.streams.push_back(std::move(stream));
            s.streams.back().send(as_bytes("hello"));
        };
        stream_events events;
        events.on_established = [&, destroy] {
            destroy("established");
            if (c) {
                c->send(as_bytes("x"));
            }
        };
        events.on_data = [&, destroy](bytes_view) {
            destroy("data");
            if (where == "closed") {
                c->close();
            }
        };
        events.on_drained = [destroy] { destroy("drained"); };
        events.on_closed = [destroy](const error*) { destroy("closed"); };
        c.emplace(connect(on, s.at(), std::move(events)));
        on.run();
        EXPECT_TRUE(destroyed) << where;
    }
}

TEST(authkem_stream_lifetime, callbacks_replace_themselves) {
    pair_of_streams p;
    std::string seen;
    p.when_both_stand([&] {
        stream_events first;
        first.on_data = [&, held = std::string(64, 'h')](bytes_view data) {
            seen += as_text(data);
            stream_events second;
            second.on_data = [&](bytes_view more) {
                seen += as_text(more);
                p.on.stop();
            };
            p.accepted->set_events(std::move(second));
            EXPECT_EQ(held, std::string(64, 'h'));
            p.c->send(as_bytes("2"));
        };
        p.accepted->set_events(std::move(first));
        p.c->send(as_bytes("1"));
    });
    EXPECT_EQ(seen, "12");
}

// An owner may take its time: what came before anybody listened is not lost.
TEST(authkem_stream_lifetime, data_and_end_wait_for_somebody_to_be_told) {
    guarded_loop on;
    served s(on);
    told client;
    told server;
    std::optional<authkem_stream> c;
    timer later(on);
    s.on_accept = [&](authkem_stream stream) {
        s.streams.push_back(std::move(stream));
        later.arm(100, [&] { s.streams.back().set_events(write_down(server, [&] { on.stop(); })); });
    };
    c.emplace(connect(on, s.at(), write_down(client, {}, [&] {
                          c->send(as_bytes("early"));
                          c->close();
                      })));
    on.run();
    EXPECT_EQ(as_text(server.data), "early");
    EXPECT_EQ(server.end, "orderly");
}

TEST(authkem_stream_lifetime, accept_handler_drops_the_stream) {
    guarded_loop on;
    served s(on);
    told client;
    s.on_accept = [&](authkem_stream) {};
    const auto c = connect(on, s.at(), write_down(client, [&] { on.stop(); }));
    on.run();
    EXPECT_THAT(client.end, testing::AnyOf("truncated", "closed_in_handshake", "connection_lost"));
}

TEST(authkem_stream_lifetime, streams_move) {
    pair_of_streams p;
    authkem_stream none(nullptr);
    p.when_both_stand([&] {
        authkem_stream moved(std::move(*p.c));
        none = std::move(moved);
        none.send(as_bytes("moved"));
        // Assigning over a stream that stands abandons it.
        stream_events events;
        events.on_data = [&](bytes_view data) {
            EXPECT_EQ(as_text(data), "moved");
            none = authkem_stream(nullptr);
        };
        events.on_closed = [&](const error* why) {
            p.server.end = why ? why->name : "orderly";
            p.on.stop();
        };
        p.accepted->set_events(std::move(events));
    });
    EXPECT_EQ(p.server.end, "truncated");
}

TEST(authkem_stream_lifetime, loop_ends_with_streams_in_every_state) {
    guarded_loop on;
    served s(on);
    told client;
    std::list<authkem_stream> streams;
    for (int i = 0; i < 8; ++i) {
        streams.push_back(connect(on, s.at(), write_down(client)));
    }
    int turns = 0;
    timer tick(on);
    std::function<void()> again = [&] {
        if (++turns == 3) {
            on.stop();
        } else {
            tick.arm(1, again);
        }
    };
    again();
    client = {};
    for (auto& each : streams) {
        each.set_events({});
    }
    on.run();
}

}  // namespace berth::net::test

// Application data: much of it, both ways, and peers that do not read.
#include "unit/net/support.h"

namespace berth::net::test {

namespace {

constexpr size_t piece = 64 * 1024;
constexpr size_t enough_queued = 256 * 1024;

bytes pattern(size_t octets, uint8_t seed) {
    bytes out(octets);
    uint32_t state = seed;
    for (uint8_t& o : out) {
        state = state * 1664525 + 1013904223;
        o = static_cast<uint8_t>(state >> 24);
    }
    return out;
}

// Sends all of `data`, never queueing more than a little.
struct pusher {
    authkem_stream& to;
    bytes_view left;
    size_t most_queued = 0;
    void push() {
        while (!left.empty() && to.unsent() < enough_queued) {
            const bytes_view part = left.first(std::min(piece, left.size()));
            left = left.subspan(part.size());
            to.send(part);
            most_queued = std::max(most_queued, to.unsent());
        }
    }
};

}  // namespace

TEST(authkem_stream_data, five_megabytes_both_ways_at_once_with_little_queued) {
    constexpr size_t octets = 5'000'000;
    const bytes up = pattern(octets, 1);
    const bytes down = pattern(octets, 2);
    guarded_loop on;
    served s(on);
    told client;
    told server;
    int open = 2;
    const auto ended = [&] {
        if (--open == 0) {
            on.stop();
        }
    };
    std::optional<pusher> server_pusher;
    std::optional<pusher> client_pusher;
    std::optional<authkem_stream> c;
    const auto maybe_close = [&] {
        if (client.data.size() == octets && server.data.size() == octets) {
            c->close();
        }
    };
    const auto with = [&](told& into, std::optional<pusher>& p) {
        auto events = write_down(into, ended);
        events.on_data = [&](bytes_view data) {
            append(into.data, data);
            maybe_close();
        };
        events.on_drained = [&] { p->push(); };
        return events;
    };
    s.on_accept = [&](authkem_stream stream) {
        auto& kept = s.streams.emplace_back(std::move(stream));
        kept.set_events(with(server, server_pusher));
        server_pusher.emplace(pusher{kept, down});
        server_pusher->push();
    };
    auto events = with(client, client_pusher);
    events.on_established = [&] {
        client_pusher.emplace(pusher{*c, up});
        client_pusher->push();
    };
    c.emplace(connect(on, s.at(), std::move(events)));
    on.run();
    EXPECT_TRUE(same_octets(server.data, up));
    EXPECT_TRUE(same_octets(client.data, down));
    EXPECT_EQ(client.end, "orderly");
    EXPECT_EQ(server.end, "orderly");
    EXPECT_LT(server_pusher->most_queued, enough_queued + 2 * piece);
}

TEST(authkem_stream_data, close_behind_much_data_delivers_all_of_it) {
    const bytes all = pattern(3'000'000, 3);
    guarded_loop on;
    served s(on);
    told client;
    s.on_accept = [&](authkem_stream stream) {
        s.streams.push_back(std::move(stream));
        s.streams.back().send(all);
        s.streams.back().close();
    };
    const auto c = connect(on, s.at(), write_down(client, [&] { on.stop(); }));
    on.run();
    EXPECT_TRUE(same_octets(client.data, all));
    EXPECT_EQ(client.end, "orderly");
}

TEST(authkem_stream_data, peer_that_does_not_read_is_slow_once_too_much_waits) {
    guarded_loop on;
    listener_limits limits;
    limits.stream.most_unsent = 1'000'000;
    served s(on, plain_server(), limits);
    told client;
    told server;
    const bytes block = pattern(piece, 4);
    timer again(on);
    std::optional<authkem_stream> c;
    std::function<void()> send_more;
    s.on_accept = [&](authkem_stream stream) {
        auto& kept = s.streams.emplace_back(std::move(stream));
        kept.set_events(write_down(server, [&] { on.stop(); }));
        send_more = [&] {
            kept.send(block);
            again.arm(0, send_more);
        };
        send_more();
    };
    c.emplace(connect(on, s.at(), write_down(client)));
    c->pause_reading();
    // Paused or not, the handshake needs to be read.
    c->resume_reading();
    auto events = write_down(client, {}, [&] { c->pause_reading(); });
    c->set_events(std::move(events));
    on.run();
    again.cancel();
    EXPECT_EQ(server.end, "slow_peer");
}

TEST(authkem_stream_data, peer_that_does_not_read_is_slow_once_nothing_moves) {
    guarded_loop on;
    listener_limits limits;
    limits.stream.stall = 200;
    limits.stream.most_unsent = 64'000'000;
    served s(on, plain_server(), limits);
    told client;
    told server;
    const bytes all = pattern(32'000'000, 5);
    s.on_accept = [&](authkem_stream stream) {
        s.streams.push_back(std::move(stream));
        s.streams.back().set_events(write_down(server, [&] { on.stop(); }));
        s.streams.back().send(all);
        // Closing does not make it wait for ever either.
        s.streams.back().close();
    };
    std::optional<authkem_stream> c;
    c.emplace(connect(on, s.at(), write_down(client, {}, [&] { c->pause_reading(); })));
    on.run();
    EXPECT_EQ(server.end, "slow_peer");
    EXPECT_LT(client.data.size(), all.size());
}

TEST(authkem_stream_data, half_close_still_reads_the_answer) {
    guarded_loop on;
    served s(on);
    told client;
    told server;
    std::optional<authkem_stream> c;
    s.on_accept = [&](authkem_stream stream) {
        auto& kept = s.streams.emplace_back(std::move(stream));
        auto events = write_down(server);
        events.on_data = [&](bytes_view data) { kept.send(data); };
        kept.set_events(std::move(events));
    };
    c.emplace(connect(on, s.at(),
                      write_down(
                          client, [&] { on.stop(); },
                          [&] {
                              c->send(as_bytes("last words"));
                              c->finish_sending();
                              c->send(as_bytes("never sent"));
                          })));
    on.run();
    EXPECT_EQ(as_text(client.data), "last words");
    EXPECT_EQ(client.end, "orderly");
}

TEST(authkem_stream_data, key_updates_asked_for_by_both_sides_at_once) {
    guarded_loop on;
    served s(on);
    told client;
    std::optional<authkem_stream> c;
    s.on_accept = [&](authkem_stream stream) {
        auto& kept = s.streams.emplace_back(std::move(stream));
        stream_events events;
        events.on_data = [&](bytes_view data) { kept.send(data); };
        kept.set_events(std::move(events));
        EXPECT_TRUE(kept.key_update(true));
    };
    auto events = write_down(
        client, [&] { on.stop(); },
        [&] {
            EXPECT_TRUE(c->key_update(true));
            c->send(as_bytes("under new keys"));
        });
    events.on_data = [&](bytes_view data) {
        append(client.data, data);
        c->close();
    };
    c.emplace(connect(on, s.at(), std::move(events)));
    on.run();
    EXPECT_EQ(as_text(client.data), "under new keys");
    EXPECT_EQ(client.end, "orderly");
}

// A client that is refused while it still sends: the reset that closing would cause must not eat the alert.
TEST(authkem_stream_data, refusal_reaches_a_peer_that_keeps_sending) {
    for (int round = 0; round < 20; ++round) {
        guarded_loop on;
        served s(on);
        raw_socket client(s.at().port);
        ASSERT_TRUE(client.connected());
        // A record of a type that does not exist, and much behind it.
        bytes garbage{0x63, 0x03, 0x03, 0x00, 0x01, 0x00};
        garbage.resize(60'000);
        client.send(garbage);
        timer end(on);
        s.on_failure = [&](const std::string&, const error& why) {
            s.failures.push_back(why);
            end.arm(20, [&] { on.stop(); });
        };
        on.run();
        ASSERT_EQ(s.failures.size(), 1U);
        const bytes answer = client.receive();
        EXPECT_FALSE(client.reset);
        ASSERT_EQ(answer.size(), 7U);
        EXPECT_EQ(answer[0], 21);
    }
}

}  // namespace berth::net::test

// Handshakes over TCP: who is told what.
#include "unit/net/support.h"

namespace berth::net::test {

namespace {

struct outcome {
    told client;
    told server;
    std::vector<error> failures;
    std::string exporter_client;
    std::string exporter_server;
    std::string flow;
    std::string client_seen;  // by the server
    std::string server_seen;
};

std::string exported(authkem_stream& s) {
    const auto secret = s.session()->exporter("EXPORTER-test", {}, 32);
    return secret ? to_hex(secret->reveal()) : std::string();
}

// One connection: "ping" there, "pong" back, the client closes.
outcome converse(authkem::client_config client, authkem::server_config server) {
    outcome out;
    guarded_loop on;
    served s(on, std::move(server));
    int open = 2;
    const auto ended = [&] {
        if (--open == 0) {
            on.stop();
        }
    };
    s.on_failure = [&](const std::string&, const error& why) {
        out.failures.push_back(why);
        ended();
    };
    s.on_accept = [&](authkem_stream stream) {
        auto& kept = s.streams.emplace_back(std::move(stream));
        EXPECT_TRUE(kept.established());
        out.exporter_server = exported(kept);
        out.client_seen = name_of(kept.session()->peer().state());
        auto events = write_down(out.server, ended);
        events.on_data = [&](bytes_view data) {
            append(out.server.data, data);
            kept.send(as_bytes("pong"));
        };
        kept.set_events(std::move(events));
    };
    std::optional<authkem_stream> c;
    auto events = write_down(out.client, ended, [&] {
        out.exporter_client = exported(*c);
        out.flow = name_of(c->session()->flow());
        out.server_seen = name_of(c->session()->peer().state());
        EXPECT_GT(c->handshake_ms(), 0.0);
        c->send(as_bytes("ping"));
    });
    events.on_data = [&](bytes_view data) {
        append(out.client.data, data);
        c->close();
    };
    c.emplace(connect(on, s.at(), std::move(events), std::move(client)));
    EXPECT_FALSE(c->established());
    on.run();
    return out;
}

void expect_conversation(const outcome& o) {
    EXPECT_TRUE(o.client.established);
    EXPECT_EQ(as_text(o.server.data), "ping");
    EXPECT_EQ(as_text(o.client.data), "pong");
    EXPECT_EQ(o.client.end, "orderly");
    EXPECT_EQ(o.server.end, "orderly");
    EXPECT_EQ(o.exporter_client.size(), 64U);
    EXPECT_EQ(o.exporter_client, o.exporter_server);
    EXPECT_TRUE(o.failures.empty());
}

}  // namespace

TEST(authkem_stream, full_handshake_data_and_orderly_end) {
    const outcome o = converse(plain_client(), plain_server());
    expect_conversation(o);
    EXPECT_EQ(o.flow, "full");
    EXPECT_EQ(o.server_seen, "verified");
    EXPECT_EQ(o.client_seen, "none");
}

TEST(authkem_stream, mutual_handshake) {
    auto client = plain_client();
    auto server = plain_server(authkem::scheme::mlkem768_p256);
    make_mutual(client, server);
    const outcome o = converse(client, server);
    expect_conversation(o);
    EXPECT_EQ(o.client_seen, "verified");
}

TEST(authkem_stream, predistributed_key) {
    for (const bool early : {false, true}) {
        auto client = plain_client();
        auto server = plain_server();
        if (early) {
            make_mutual(client, server);
        }
        predistribute(client, server, early);
        const outcome o = converse(client, server);
        expect_conversation(o);
        EXPECT_EQ(o.flow, "pdk");
        EXPECT_EQ(o.server_seen, "predistributed");
        EXPECT_EQ(o.client_seen, early ? "verified" : "none");
    }
}

TEST(authkem_stream, predistributed_key_refused_goes_on_in_full) {
    auto client = plain_client();
    auto server = plain_server();
    make_mutual(client, server);
    // The key of another server.
    predistribute(client, plain_server(authkem::scheme::mlkem1024), true);
    const outcome o = converse(client, server);
    expect_conversation(o);
    EXPECT_EQ(o.flow, "pdk_refused");
    EXPECT_EQ(o.server_seen, "verified");
}

TEST(authkem_stream, predistributed_key_refused_and_that_is_fatal) {
    auto client = plain_client();
    predistribute(client, plain_server(authkem::scheme::mlkem1024), false);
    client.pdk->refusal_is_fatal = true;
    const outcome o = converse(client, plain_server());
    EXPECT_FALSE(o.client.established);
    EXPECT_NE(o.client.end, "orderly");
    ASSERT_EQ(o.failures.size(), 1U);
    EXPECT_EQ(o.failures[0].name, "peer_alert");
}

TEST(authkem_stream, wrong_root_is_told_on_both_sides) {
    auto client = plain_client();
    client.server.trust = other_root().trust();
    const outcome o = converse(client, plain_server());
    EXPECT_FALSE(o.client.established);
    EXPECT_EQ(o.client.end, "unknown_issuer");
    ASSERT_EQ(o.failures.size(), 1U);
    EXPECT_EQ(o.failures[0].name, "peer_alert");
    EXPECT_EQ(o.failures[0].params.at(0).second, "unknown_ca");
}

TEST(authkem_stream, client_without_certificate_learns_why_it_is_refused) {
    auto client = plain_client();
    auto server = plain_server();
    make_mutual(client, server);
    client.own.reset();
    const outcome o = converse(client, server);
    EXPECT_FALSE(o.client.established);
    EXPECT_EQ(o.client.end, "peer_alert");
    EXPECT_EQ(o.client.param("peer_alert"), "certificate_required");
}

TEST(authkem_stream, nobody_listens) {
    guarded_loop on;
    uint16_t port = 0;
    {
        guarded_loop other;
        port = served(other).at().port;
    }
    told client;
    const auto c = connect(on, {"127.0.0.1", port}, write_down(client, [&] { on.stop(); }));
    on.run();
    EXPECT_EQ(client.end, "connect_failed");
}

TEST(authkem_stream, host_that_does_not_resolve) {
    guarded_loop on;
    told client;
    const auto c = connect(on, {"no-such-host.invalid", 1}, write_down(client, [&] { on.stop(); }));
    on.run();
    EXPECT_EQ(client.end, "connect_failed");
}

TEST(authkem_stream, server_that_says_nothing_times_the_handshake_out) {
    guarded_loop on;
    // The listening socket's queue answers the connection; nobody ever reads from it.
    served mute(on, [] { return server_context(); });
    mute.listener.reset();
    guarded_loop idle;
    served never_run(idle);
    told client;
    stream_limits limits;
    limits.handshake = 100;
    const auto c = connect(on, never_run.at(), write_down(client, [&] { on.stop(); }), plain_client(), limits);
    on.run();
    EXPECT_EQ(client.end, "handshake_timeout");
}

TEST(authkem_stream, closing_before_the_handshake_is_over_tells_the_server) {
    guarded_loop on;
    served s(on);
    told client;
    std::optional<authkem_stream> c;
    s.on_failure = [&](const std::string&, const error& why) {
        s.failures.push_back(why);
        on.stop();
    };
    auto config = plain_client();
    // The first step on the wire: ClientHello has gone out, nothing has come back.
    c.emplace(connect(on, s.at(), write_down(client), config));
    timer soon(on);
    std::function<void()> look = [&] {
        if (c->octets_sent() > 0) {
            c->close();
        } else {
            soon.arm(0, look);
        }
    };
    look();
    on.run();
    ASSERT_EQ(s.failures.size(), 1U);
    EXPECT_THAT(s.failures[0].name, testing::AnyOf("peer_alert", "closed_in_handshake", "unexpected_message"));
}

}  // namespace berth::net::test

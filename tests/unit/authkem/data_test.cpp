// After the handshake: data, KeyUpdate, closing.
#include "unit/authkem/support.h"

#include <gtest/gtest.h>

#include <cmath>

namespace berth::authkem::test {
namespace {

link open_link(record_options records = {}) {
    client_config client = plain_client();
    server_config server = plain_server();
    make_mutual(client, server);
    client.records = records;
    server.records = records;
    return link(client, server);  // in place: a link does not move
}

void say(link& l, role from, std::string_view what) {
    connection& sender = from == role::client ? l.client() : l.server();
    connection& receiver = from == role::client ? l.server() : l.client();
    ASSERT_TRUE(sender.send(as_bytes(what)));
    ASSERT_TRUE(l.pump()) << failure_of(receiver);
    EXPECT_EQ(as_text(receiver.take_received()), what);
}

TEST(Data, GoesBothWaysAtOnce) {
    link l = open_link();
    ASSERT_TRUE(l.complete());
    ASSERT_TRUE(l.client().send(bytes(100000, 1)));
    ASSERT_TRUE(l.server().send(bytes(90000, 2)));
    ASSERT_TRUE(l.pump());
    EXPECT_EQ(l.server().take_received(), bytes(100000, 1));
    EXPECT_EQ(l.client().take_received(), bytes(90000, 2));
    EXPECT_FALSE(l.client().has_received());
}

TEST(Data, NeedsACompletedHandshake) {
    link l = open_link();
    const auto early = l.client().send(as_bytes("x"));
    ASSERT_FALSE(early);
    EXPECT_EQ(early.error().name, "not_established");
    EXPECT_EQ(l.server().send(as_bytes("x")).error().name, "not_established");
    EXPECT_EQ(l.client().key_update(true).error().name, "not_established");
}

TEST(KeyUpdate, OfOneSideLeavesTheOther) {
    link l = open_link();
    ASSERT_TRUE(l.complete());
    for (const role from : {role::client, role::server}) {
        connection& sender = from == role::client ? l.client() : l.server();
        ASSERT_TRUE(sender.key_update(false));
        say(l, from, "under the second key");
        say(l, from == role::client ? role::server : role::client, "under the first");
    }
}

TEST(KeyUpdate, IsAnsweredWhenRequested) {
    link l = open_link();
    ASSERT_TRUE(l.complete());
    ASSERT_TRUE(l.client().key_update(true));
    ASSERT_TRUE(l.carry(role::client));
    EXPECT_TRUE(l.server().has_output());
    const bytes answer = l.server().take_output();
    ASSERT_EQ(records_in(answer).size(), 1U);
    EXPECT_EQ(records_in(answer)[0].second.size(), 5 + 1 + 16U);
    ASSERT_TRUE(l.client().receive(answer));
    say(l, role::server, "after both updates");
    say(l, role::client, "after both updates");
}

TEST(KeyUpdate, BurstsAreAnsweredOnce) {
    link l = open_link();
    ASSERT_TRUE(l.complete());
    for (int i = 0; i < 500; ++i) {
        ASSERT_TRUE(l.client().key_update(true));
    }
    ASSERT_TRUE(l.carry(role::client));
    const bytes answer = l.server().take_output();
    EXPECT_EQ(records_in(answer).size(), 1U);
    ASSERT_TRUE(l.client().receive(answer));
    say(l, role::client, "still here");
    say(l, role::server, "so am I");
}

TEST(KeyUpdate, CrossingRequestsAreBothAnswered) {
    link l = open_link();
    ASSERT_TRUE(l.complete());
    ASSERT_TRUE(l.client().key_update(true));
    ASSERT_TRUE(l.server().key_update(true));
    ASSERT_TRUE(l.pump());
    say(l, role::client, "a");
    say(l, role::server, "b");
}

TEST(KeyUpdate, AnswerComesBeforeTheNextData) {
    link l = open_link();
    ASSERT_TRUE(l.complete());
    ASSERT_TRUE(l.client().key_update(true));
    ASSERT_TRUE(l.carry(role::client));
    ASSERT_TRUE(l.server().send(as_bytes("data")));
    const bytes out = l.server().take_output();
    ASSERT_EQ(records_in(out).size(), 2U);
    EXPECT_EQ(records_in(out)[0].second.size(), 5 + 1 + 16U);
    ASSERT_TRUE(l.client().receive(out));
    EXPECT_EQ(as_text(l.client().take_received()), "data");
}

// RFC 8446 5.5.
TEST(KeyUpdate, ComesByItselfBeforeTheLimitOfRecords) {
    link l = open_link({.records_per_key = 10});
    ASSERT_TRUE(l.complete());
    size_t updates = 0;
    l.on_wire = [&](role, bytes& octets) {
        for (const auto& record : records_in(octets)) {
            updates += record.second.size() == 5 + 1 + 16 ? 1U : 0U;
        }
    };
    for (int i = 0; i < 100; ++i) {
        say(l, role::client, "a longer sentence");
    }
    EXPECT_EQ(updates, 11U);
}

// One call of the caller's may be many records: the limit holds in the middle of it, and for each direction by itself.
TEST(KeyUpdate, ComesInTheMiddleOfOneLongMessage) {
    link l = open_link({.max_content = 16, .records_per_key = 8});
    ASSERT_TRUE(l.complete());
    std::vector<size_t> run;  // records since the last KeyUpdate, by the client
    size_t server_updates = 0;
    l.on_wire = [&](role from, bytes& octets) {
        for (const auto& record : records_in(octets)) {
            const bool update = record.second.size() == 5 + 1 + 16;
            if (from == role::server) {
                server_updates += update;
            } else if (update || run.empty()) {
                run.push_back(1);
            } else {
                ++run.back();
            }
        }
    };
    const std::string text(16 * 40, 'x');
    ASSERT_TRUE(l.client().send(as_bytes(text)));
    ASSERT_TRUE(l.pump());
    EXPECT_EQ(as_text(l.server().take_received()), text);
    EXPECT_GE(run.size(), 5U);
    EXPECT_TRUE(std::ranges::all_of(run, [](size_t n) { return n <= 8; }));
    EXPECT_EQ(server_updates, 0U) << "the other direction has keys of its own";
}

// RFC 8446 5.5: "up to 2^24.5 full-size records (about 24 million) may be encrypted on a given connection".
TEST(KeyUpdate, LimitIsBelowWhatAesGcmAllows) {
    EXPECT_EQ(record_options().records_per_key, uint64_t{1} << 23);
    EXPECT_LT(static_cast<double>(record_options().records_per_key), std::pow(2, 24.5));
}

TEST(KeyUpdate, GoesOnAfterThePeerHasClosed) {
    link l = open_link();
    ASSERT_TRUE(l.complete());
    l.server().close();
    ASSERT_TRUE(l.pump());
    EXPECT_TRUE(l.client().peer_closed());
    ASSERT_TRUE(l.client().key_update(true));
    ASSERT_TRUE(l.client().send(as_bytes("last words")));
    ASSERT_TRUE(l.pump());
    EXPECT_EQ(as_text(l.server().take_received()), "last words");
}

TEST(Closing, IsToldApartFromBeingCutOff) {
    link l = open_link();
    ASSERT_TRUE(l.complete());
    say(l, role::client, "some data");
    const auto cut = l.server().end_of_input();
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error().name, "truncated");
    EXPECT_TRUE(l.server().take_output().empty());
    l.client().close();
    EXPECT_TRUE(l.client().closed());

    link whole = open_link();
    ASSERT_TRUE(whole.complete());
    whole.client().close();
    ASSERT_TRUE(whole.pump());
    EXPECT_TRUE(whole.server().peer_closed());
    EXPECT_EQ(whole.server().state(), state::closed);
    EXPECT_TRUE(whole.server().end_of_input());
    EXPECT_EQ(whole.client().send(as_bytes("x")).error().name, "not_established");
    // "Any data received after a closure alert has been received MUST be ignored."
    EXPECT_TRUE(whole.server().receive(bytes(100, 0xff)));
    EXPECT_EQ(whole.server().failure(), nullptr);
    whole.server().close();
    ASSERT_TRUE(whole.pump());
    EXPECT_TRUE(whole.client().peer_closed());
}

TEST(Closing, InTheHandshakeEndsBoth) {
    link l = open_link();
    l.client().close();
    EXPECT_EQ(failure_of(l.client()), "canceled");
    EXPECT_FALSE(l.carry(role::client));
    EXPECT_EQ(failure_of(l.server()), "peer_alert");
    EXPECT_EQ(l.server().failure()->params.front().second, "close_notify");
    EXPECT_FALSE(l.server().alert_sent());

    // Profile 4: "A server alert still under (h) that meets a client already reading with (a) is
    // `bad_record_mac` there; neither side tries two keys."
    link late = open_link();
    ASSERT_TRUE(late.carry(role::client));
    late.server().close();
    EXPECT_FALSE(late.carry(role::server));
    EXPECT_EQ(alert_of(late.client()), "bad_record_mac");

    link cut = open_link();
    ASSERT_TRUE(cut.carry(role::client));
    EXPECT_EQ(cut.client().end_of_input().error().name, "closed_in_handshake");
}

TEST(Closing, APeersFatalAlertEndsTheConnectionWithoutAnAnswer) {
    client_config client = plain_client();
    server_config server = plain_server();
    client.suites = {cipher_suite::aes_128_gcm_sha256};
    server.suites = {cipher_suite::aes_256_gcm_sha384};
    link l(client, server);
    EXPECT_FALSE(l.pump());
    EXPECT_EQ(failure_of(l.server()), "no_common_suite");
    EXPECT_EQ(alert_of(l.server()), "handshake_failure");
    EXPECT_EQ(failure_of(l.client()), "peer_alert");
    EXPECT_EQ(alert_of(l.client()), "");
    EXPECT_EQ(l.client().failure()->params.front().second, "handshake_failure");
}

TEST(Exporter, HasLimits) {
    link l = open_link();
    ASSERT_TRUE(l.complete());
    const session& s = *l.client().session();
    EXPECT_EQ(s.exporter("EXPORTER-long", {}, 255 * 48)->size(), 255 * 48U);
    EXPECT_EQ(s.exporter("EXPORTER-long", {}, 255 * 48 + 1).error().name, "too_large");
    EXPECT_EQ(s.exporter(std::string(250, 'x'), {}, 32).error().name, "too_large");
    EXPECT_EQ(s.exporter("EXPORTER-context", bytes(100000, 1), 32)->size(), 32U);
    EXPECT_NE(to_hex(s.exporter("EXPORTER-context", as_bytes("a"), 32)->reveal()),
              to_hex(s.exporter("EXPORTER-context", as_bytes("b"), 32)->reveal()));
}

}  // namespace
}  // namespace berth::authkem::test

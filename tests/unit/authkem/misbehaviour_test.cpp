// Peers that break the rules of the record layer and of the order of messages (RFC 8446 section 5; profile 1,
// 2, 4, 6).
#include "authkem/client_hello.h"
#include "authkem/server_hello.h"
#include "unit/authkem/support.h"

#include <gtest/gtest.h>

namespace berth::authkem::test {
namespace {

constexpr uint8_t ccs = 20;
constexpr uint8_t alerts = 21;
constexpr uint8_t handshakes = 22;
constexpr uint8_t protected_data = 23;

struct lone_client {
    manual_clock clock{now};
    seeded_random random{5};
    connection line{client_context::make(plain_client()).value(), clock, random};
    lone_client() { EXPECT_TRUE(line.start()); }
};

struct lone_server {
    manual_clock clock{now};
    seeded_random random{6};
    connection line{server_context::make(plain_server()).value(), clock, random};
};

template <class Endpoint>
std::string fate_of(const bytes& input) {
    Endpoint e;
    (void)e.line.receive(input);
    return failure_of(e.line) + (e.line.failure() != nullptr ? " " + alert_of(e.line) : "");
}

bytes header(uint8_t type, size_t length) {
    return {type, 3, 3, static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length)};
}

// ---- records before keys

TEST(Records, OfUnknownTypesAreUnexpected) {
    for (const int type : {0, 19, 24, 25, 64, 128, 255}) {
        EXPECT_EQ(fate_of<lone_client>(header(static_cast<uint8_t>(type), 10)), "unknown_record_type unexpected_message");
        EXPECT_EQ(fate_of<lone_server>(header(static_cast<uint8_t>(type), 10)), "unknown_record_type unexpected_message");
    }
    EXPECT_EQ(fate_of<lone_server>(to_bytes(as_bytes("GET / HTTP/1.1\r\n"))), "unknown_record_type unexpected_message");
}

TEST(Records, HaveLimitsThatAreJudgedFromTheHeader) {
    EXPECT_EQ(fate_of<lone_client>(header(handshakes, 16384)), "");
    EXPECT_EQ(fate_of<lone_client>(header(handshakes, 16385)), "record_too_long record_overflow");
    EXPECT_EQ(fate_of<lone_server>(header(alerts, 16385)), "record_too_long record_overflow");
    EXPECT_EQ(fate_of<lone_client>(header(protected_data, 16640)), "");
    EXPECT_EQ(fate_of<lone_client>(header(protected_data, 16641)), "record_too_long record_overflow");
}

TEST(Records, WithoutContentAreUnexpectedWhereRfc8446SaysSo) {
    EXPECT_EQ(fate_of<lone_client>(record_of(handshakes, {})), "empty_handshake_record unexpected_message");
    EXPECT_EQ(fate_of<lone_client>(record_of(alerts, {})), "empty_alert_record unexpected_message");
    EXPECT_EQ(fate_of<lone_server>(record_of(handshakes, {})), "empty_handshake_record unexpected_message");
}

TEST(Records, ProtectedOnesNeedKeys) {
    EXPECT_EQ(fate_of<lone_client>(record_of(protected_data, bytes(50, 1))), "unexpected_record unexpected_message");
    EXPECT_EQ(fate_of<lone_server>(record_of(protected_data, bytes(50, 1))), "unexpected_record unexpected_message");
}

TEST(Alerts, HoldOneMessageEach) {
    EXPECT_EQ(fate_of<lone_client>(record_of(alerts, bytes{2})), "malformed_alert decode_error");
    EXPECT_EQ(fate_of<lone_client>(record_of(alerts, bytes{2, 40, 2, 40})), "malformed_alert decode_error");
    EXPECT_EQ(fate_of<lone_client>(record_of(alerts, bytes{2, 40})), "peer_alert ");
    // The level means nothing, and an unknown description is an error.
    EXPECT_EQ(fate_of<lone_client>(record_of(alerts, bytes{1, 40})), "peer_alert ");
    EXPECT_EQ(fate_of<lone_client>(record_of(alerts, bytes{1, 200})), "peer_alert ");
    EXPECT_EQ(fate_of<lone_client>(record_of(alerts, bytes{1, 90})), "");
}

// ---- change_cipher_spec

TEST(ChangeCipherSpec, IsDroppedOnlyWhereRfc8446Section5Allows) {
    // Before the first ClientHello.
    EXPECT_EQ(fate_of<lone_server>(record_of(ccs, bytes{1})), "unexpected_record unexpected_message");
    // Of another value.
    EXPECT_EQ(fate_of<lone_client>(record_of(ccs, bytes{0})), "unexpected_record unexpected_message");
    EXPECT_EQ(fate_of<lone_client>(record_of(ccs, bytes{1, 1})), "unexpected_record unexpected_message");
    EXPECT_EQ(fate_of<lone_client>(record_of(ccs, {})), "unexpected_record unexpected_message");
    EXPECT_EQ(fate_of<lone_client>(record_of(ccs, bytes{1})), "");

    // Between any two flights, in both directions, and in the middle of a fragmented message.
    client_config client = plain_client();
    server_config server = plain_server();
    make_mutual(client, server);
    client.records.max_content = 700;
    link l(client, server);
    bool first = true;
    l.on_wire = [&](role from, bytes& octets) {
        if (octets.empty()) {
            return;
        }
        bytes with;
        for (const auto& [type, fragment] : records_in(octets)) {
            if (from == role::server || !first) {
                append(with, record_of(ccs, bytes{1}));
            }
            append(with, record_of(type, fragment));
        }
        first = false;
        octets = with;
    };
    while (!l.server().completed()) {
        ASSERT_TRUE(l.carry(role::client)) << failure_of(l.server());
        if (!l.server().completed()) {
            ASSERT_TRUE(l.carry(role::server)) << failure_of(l.client());
        }
    }
    // After the peer's Finished.
    EXPECT_FALSE(l.server().receive(record_of(ccs, bytes{1})));
    EXPECT_EQ(failure_of(l.server()), "unexpected_record");
    EXPECT_EQ(alert_of(l.server()), "unexpected_message");
}

// ---- interleaving

TEST(Interleaving, IsUnexpected) {
    bytes partial = record_of(handshakes, bytes{2, 0, 4});
    append(partial, record_of(alerts, bytes{2, 40}));
    EXPECT_EQ(fate_of<lone_client>(partial), "interleaved_record unexpected_message");
}

// ---- order

TEST(Order, UnexpectedMessagesAreJudgedByTheirFirstOctet) {
    for (int type = 0; type < 256; ++type) {
        const bytes record = record_of(handshakes, bytes{static_cast<uint8_t>(type)});
        EXPECT_EQ(fate_of<lone_client>(record), type == 2 ? "" : "unexpected_message unexpected_message") << type;
        EXPECT_EQ(fate_of<lone_server>(record), type == 1 ? "" : "unexpected_message unexpected_message") << type;
    }
}

TEST(Order, MessagesOver65536OctetsAreRefusedFromTheirHeader) {
    EXPECT_EQ(fate_of<lone_server>(record_of(handshakes, bytes{1, 1, 0, 0})), "");
    EXPECT_EQ(fate_of<lone_server>(record_of(handshakes, bytes{1, 1, 0, 1})), "message_too_long decode_error");
    // "whatever its type"
    EXPECT_EQ(fate_of<lone_server>(record_of(handshakes, bytes{99, 1, 0, 1})), "message_too_long decode_error");
}

TEST(Order, AMessageThatEndsAKeyEndsItsRecord) {
    lone_client c;
    const auto records = records_in(c.line.take_output());
    bytes hello = records[0].second;
    hello.push_back(1);
    EXPECT_EQ(fate_of<lone_server>(record_of(handshakes, hello)), "message_after_key_change unexpected_message");
}

// A protected record whose content is of our choosing needs the keys: the secrets that an endpoint tells.
class forger {
public:
    forger(cipher_suite suite, bytes_view secret, uint64_t skip) : sealer_(suite, secret_bytes(secret)) {
        bytes sink;
        for (uint64_t i = 0; i < skip; ++i) {
            sealer_.seal(sink, content_type::alert, {}, 0);
        }
    }
    bytes record(uint8_t type, bytes_view content, size_t padding = 0) {
        bytes out;
        sealer_.seal(out, static_cast<content_type>(type), content, padding);
        return out;
    }

private:
    record_sealer sealer_;
};

// A completed connection and the server's next record, forged.
struct after_completion {
    bytes secret;
    std::unique_ptr<link> l;
    after_completion() {
        client_config client = plain_client();
        client.observe.secrets = [this](std::string_view name, bytes_view value) {
            if (name == "s_ap") {
                secret = to_bytes(value);
            }
        };
        l = std::make_unique<link>(client, plain_server());
        EXPECT_TRUE(l->complete());
    }
    std::string fate(uint8_t type, const bytes& content, size_t padding = 0) {
        forger f(l->client().session()->suite(), secret, 0);
        (void)l->client().receive(f.record(type, content, padding));
        return failure_of(l->client()) + (l->client().alert_sent() ? " " + alert_of(l->client()) : "");
    }
};

TEST(Protected, ContentHasItsRules) {
    EXPECT_EQ(after_completion().fate(protected_data, bytes{1, 2, 3}), "");
    EXPECT_EQ(after_completion().fate(protected_data, {}), "");
    EXPECT_EQ(after_completion().fate(protected_data, {}, 100), "");
    EXPECT_EQ(after_completion().fate(protected_data, bytes(16384, 1)), "");
    EXPECT_EQ(after_completion().fate(handshakes, {}), "empty_handshake_record unexpected_message");
    EXPECT_EQ(after_completion().fate(handshakes, {}, 20), "empty_handshake_record unexpected_message");
    EXPECT_EQ(after_completion().fate(alerts, {}), "empty_alert_record unexpected_message");
    EXPECT_EQ(after_completion().fate(ccs, bytes{1}), "unexpected_record unexpected_message");
    EXPECT_EQ(after_completion().fate(24, bytes{1}), "unexpected_record unexpected_message");
    EXPECT_EQ(after_completion().fate(255, bytes{1}), "unexpected_record unexpected_message");
    EXPECT_EQ(after_completion().fate(0, {}), "record_without_type unexpected_message");
    EXPECT_EQ(after_completion().fate(0, {}, 200), "record_without_type unexpected_message");
    EXPECT_EQ(after_completion().fate(alerts, bytes{1, 0}), "");
    EXPECT_EQ(after_completion().fate(alerts, bytes{2, 80}), "peer_alert");
    EXPECT_EQ(after_completion().fate(alerts, bytes{2, 80, 0}), "malformed_alert decode_error");
}

TEST(Protected, ContentOverTheLimitIsAnOverflow) {
    after_completion a;
    // 2^14 + 1 octets and a type: more than any sealer of ours makes, so it is put together by hand.
    const traffic_keys keys = keys_from(a.l->client().session()->suite(), secret_bytes(bytes_view(a.secret)));
    crypto::aead_key key(aead_of(a.l->client().session()->suite()), keys.key.reveal(), crypto::aead_key::use::seal);
    bytes content(max_plaintext + 1, 1);
    content.push_back(protected_data);
    const bytes head = header(protected_data, content.size() + 16);
    bytes record = head;
    append(record, key.seal(record_nonce(keys.iv.reveal()).value(), head, content));
    EXPECT_FALSE(a.l->client().receive(record));
    EXPECT_EQ(failure_of(a.l->client()), "record_too_long");
    EXPECT_EQ(alert_of(a.l->client()), "record_overflow");
}

TEST(Protected, KeyUpdateHasItsRules) {
    EXPECT_EQ(after_completion().fate(handshakes, bytes{24, 0, 0, 1, 0}), "");
    EXPECT_EQ(after_completion().fate(handshakes, bytes{24, 0, 0, 1, 1}), "");
    EXPECT_EQ(after_completion().fate(handshakes, bytes{24, 0, 0, 1, 2}), "bad_key_update_request illegal_parameter");
    EXPECT_EQ(after_completion().fate(handshakes, bytes{24, 0, 0, 0}), "malformed_key_update decode_error");
    EXPECT_EQ(after_completion().fate(handshakes, bytes{24, 0, 0, 2, 0, 0}), "malformed_key_update decode_error");
    EXPECT_EQ(after_completion().fate(handshakes, bytes{24, 0, 0, 1, 0, 24}), "message_after_key_change unexpected_message");
    for (const uint8_t type : bytes{1, 2, 4, 5, 8, 11, 13, 15, 20, 30, 254}) {
        EXPECT_EQ(after_completion().fate(handshakes, bytes{type, 0, 0, 0}), "unexpected_message unexpected_message");
    }
}

TEST(Protected, RecordsInTheClearAreUnexpectedOnceThereAreKeys) {
    for (const uint8_t type : {alerts, handshakes}) {
        after_completion a;
        EXPECT_FALSE(a.l->client().receive(record_of(type, bytes{2, 40})));
        EXPECT_EQ(failure_of(a.l->client()), "unprotected_record");
        EXPECT_EQ(alert_of(a.l->client()), "unexpected_message");
    }
    after_completion a;
    EXPECT_FALSE(a.l->client().receive(record_of(protected_data, bytes(15, 0))));
    EXPECT_EQ(failure_of(a.l->client()), "record_not_authentic");
    EXPECT_EQ(alert_of(a.l->client()), "bad_record_mac");
}

TEST(Protected, ReplayedAndReorderedRecordsDoNotOpen) {
    after_completion a;
    ASSERT_TRUE(a.l->server().send(as_bytes("one")));
    const bytes one = a.l->server().take_output();
    ASSERT_TRUE(a.l->client().receive(one));
    EXPECT_FALSE(a.l->client().receive(one));
    EXPECT_EQ(failure_of(a.l->client()), "record_not_authentic");
    after_completion b;
    ASSERT_TRUE(b.l->server().send(as_bytes("one")));
    (void)b.l->server().take_output();
    ASSERT_TRUE(b.l->server().send(as_bytes("two")));
    EXPECT_FALSE(b.l->client().receive(b.l->server().take_output()));
}

// ---- alerts of a client that stops at ServerHello

TEST(UnprotectedAlert, OfAClientThatHasNoKeysYetIsUnderstood) {
    lone_client c;
    lone_server s;
    ASSERT_TRUE(s.line.receive(c.line.take_output()));
    EXPECT_FALSE(s.line.receive(record_of(alerts, bytes{2, 47})));
    EXPECT_EQ(failure_of(s.line), "peer_alert");
    EXPECT_FALSE(s.line.alert_sent());
}

// ---- early data

// Profile 6: "discards records that do not decrypt under c hs, until one does, up to 16 640 octets in total".
TEST(EarlyRecords, AreDiscardedAfterARefusalUpToTheLimit) {
    for (const auto& [sizes, accepted] : std::vector<std::pair<std::vector<size_t>, bool>>{
             {{100}, true}, {{8000, 3000}, true}, {{10000, 10000}, false}, {{16640}, false}}) {
        client_config client = plain_client();
        server_config server = plain_server();
        make_mutual(client, server);
        predistribute(client, plain_server(scheme::mlkem1024), true);
        link l(client, server);
        bool first = true;
        l.on_wire = [&, extra = sizes](role from, bytes& octets) {
            if (from == role::client && std::exchange(first, false)) {
                for (const size_t size : extra) {
                    append(octets, record_of(protected_data, bytes(size, 0x55)));
                }
            }
        };
        EXPECT_EQ(l.complete(), accepted);
        EXPECT_EQ(failure_of(l.server()), accepted ? "" : "record_not_authentic");
    }
}

TEST(EarlyRecords, AreNotDiscardedWhenNoEarlyAuthWasSent) {
    client_config client = plain_client();
    predistribute(client, plain_server(scheme::mlkem1024), false);
    link l(client, plain_server());
    bool first = true;
    l.on_wire = [&](role from, bytes& octets) {
        if (from == role::client && std::exchange(first, false)) {
            append(octets, record_of(protected_data, bytes(100, 0x55)));
        }
    };
    EXPECT_FALSE(l.complete());
    EXPECT_EQ(alert_of(l.server()), "bad_record_mac");
}

// "0-RTT application data is not used": what an accepting server gets in place of the early Certificate.
TEST(EarlyRecords, HoldTheCertificateAndNothingElse) {
    for (const uint8_t type : {protected_data, alerts, handshakes}) {
        client_config client = plain_client();
        server_config server = plain_server();
        make_mutual(client, server);
        predistribute(client, server, true);
        bytes secret;
        client.observe.secrets = [&](std::string_view name, bytes_view value) {
            if (name == "c_ehs") {
                secret = to_bytes(value);
            }
        };
        link l(client, server);
        l.on_wire = [&](role from, bytes& octets) {
            if (from == role::client) {
                const auto records = records_in(octets);
                octets = record_of(records[0].first, records[0].second);
                append(octets, forger(client.suites.front(), secret, 0).record(type, bytes{20, 0, 0, 0}));
            }
        };
        EXPECT_FALSE(l.carry(role::client));
        EXPECT_EQ(alert_of(l.server()), type == alerts ? "decode_error" : "unexpected_message");
    }
}

}  // namespace
}  // namespace berth::authkem::test

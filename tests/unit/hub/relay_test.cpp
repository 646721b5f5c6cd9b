// What MQTT that comes by WebSockets needs on its way: CONNECT read and written again, berthd's tokens, browsers' origins.
#include "hub/access/origin.h"
#include "hub/carrier/relay_token.h"
#include "hub/mqtt/connect_packet.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

namespace berth::test {
namespace {

using namespace hub;

std::string text(const std::optional<secret_bytes>& s) {
    return s ? std::string(as_text(s->reveal())) : "none";
}
void append_text(bytes& out, std::string_view text) {
    out.push_back(static_cast<uint8_t>(text.size() >> 8));
    out.push_back(static_cast<uint8_t>(text.size() & 0xff));
    append(out, as_bytes(text));
}
// CONNECT by hand: what is behind the keep-alive is `rest`.
bytes by_hand(uint8_t level, uint8_t flags, bytes_view rest, std::string_view name = "MQTT", uint8_t first = 0x10) {
    bytes body;
    append_text(body, name);
    body.insert(body.end(), {level, flags, 0, 60});
    append(body, rest);
    bytes out{first, static_cast<uint8_t>(body.size())};
    append(out, body);
    return out;
}
bytes texts(std::initializer_list<std::string_view> all) {
    bytes out;
    for (const auto one : all) {
        append_text(out, one);
    }
    return out;
}

connect_packet everything(uint8_t level) {
    connect_packet p;
    p.level = level;
    p.clean = false;
    p.keep_alive = 300;
    p.client_id = "dev-1/mod";
    p.last_will = connect_packet::will{1, true, {}, "devices/dev-1/messages/events/", bytes{0, 1, 2}};
    p.user_name = "hub.example/dev-1/mod/?api-version=2021-04-12";
    p.password = secret_bytes(as_bytes("a token"));
    if (level == 5) {
        p.properties = {0x11, 0, 0, 1, 0};
        p.last_will->properties = {0x01, 0x01};
    }
    return p;
}

TEST(connect_packet, is_read_as_it_was_written) {
    for (const uint8_t level : {uint8_t{4}, uint8_t{5}}) {
        for (int without = 0; without < 8; ++without) {
            auto p = everything(level);
            if ((without & 1) != 0) {
                p.last_will.reset();
            }
            if ((without & 2) != 0) {
                p.password.reset();
            }
            if ((without & 4) != 0 && (level == 5 || !p.password)) {
                p.user_name.reset();
            }
            const auto packet = got(write_connect(p));
            const auto again = got(read_connect(packet));
            EXPECT_EQ(again.level, p.level);
            EXPECT_EQ(again.clean, p.clean);
            EXPECT_EQ(again.keep_alive, p.keep_alive);
            EXPECT_EQ(again.properties, p.properties);
            EXPECT_EQ(again.client_id, p.client_id);
            EXPECT_EQ(again.last_will, p.last_will);
            EXPECT_EQ(again.user_name, p.user_name);
            EXPECT_EQ(text(again.password), text(p.password));
            EXPECT_EQ(got(write_connect(again)), packet);
        }
    }
}

TEST(connect_packet, of_the_wire) {
    // As mosquitto_pub -i dev-1 sends it.
    const auto p = got(read_connect(by_hand(4, 0x02, texts({"dev-1"}))));
    EXPECT_EQ(p.client_id, "dev-1");
    EXPECT_TRUE(p.clean);
    EXPECT_EQ(p.keep_alive, 60);
    EXPECT_FALSE(p.user_name || p.password || p.last_will);
    EXPECT_TRUE(read_connect(by_hand(4, 0x02, texts({""}))));
    EXPECT_TRUE(read_connect(by_hand(4, 0x02, texts({"Zürich €  \U0001F600"}))));
}

TEST(connect_packet, that_is_none) {
    const auto id = texts({"d"});
    const std::pair<bytes, const char*> cases[] = {
        {{}, "malformed"},
        {{0x10}, "malformed"},
        {{0x10, 0}, "malformed"},
        {by_hand(4, 0x02, id, "MQTT", 0x11), "malformed"},
        {by_hand(4, 0x02, id, "MQTT", 0x30), "malformed"},
        {by_hand(3, 0x02, id, "MQIsdp"), "unsupported_version"},
        {by_hand(3, 0x02, id), "unsupported_version"},
        {by_hand(6, 0x02, id), "unsupported_version"},
        {by_hand(4, 0x03, id), "malformed"},                      // the reserved flag
        {by_hand(4, 0x1e, texts({"d", "t", "m"})), "malformed"},  // a Will of QoS 3
        {by_hand(4, 0x0a, id), "malformed"},                      // a QoS, and no Will
        {by_hand(4, 0x22, id), "malformed"},                      // to be retained, and no Will
        {by_hand(4, 0x42, texts({"d", "p"})), "malformed"},       // a password without a user name
        {by_hand(4, 0x02, {}), "malformed"},                      // no client id
        {by_hand(4, 0x02, texts({"d", "more"})), "malformed"},    // something behind it
        {by_hand(4, 0xc2, texts({"d", "u"})), "malformed"},       // the password is missing
        {by_hand(4, 0x02, bytes{0, 5, 'd'}), "malformed"},        // longer than there is
        {by_hand(4, 0x02, texts({std::string_view("a\0b", 3)})), "malformed"},
        {by_hand(4, 0x02, texts({"\xff"})), "malformed"},
        {by_hand(4, 0x02, texts({"\xc0\x80"})), "malformed"},      // U+0000 in two octets
        {by_hand(4, 0x02, texts({"\xed\xa0\x80"})), "malformed"},  // a surrogate
        {by_hand(4, 0x02, texts({"\xf4\x90\x80\x80"})), "malformed"},
        {by_hand(4, 0x02, texts({"\xe2\x82"})), "malformed"},
        {by_hand(5, 0x02, concat({bytes{0x80, 0x00}, id})), "malformed"},  // a length in more octets than it needs
        {by_hand(5, 0x02, concat({bytes{0x7f}, id})), "malformed"},
        {by_hand(5, 0x02, bytes{0xff, 0xff, 0xff, 0xff, 0x7f}), "malformed"},
    };
    for (const auto& [packet, name] : cases) {
        EXPECT_EQ(name_of_error(read_connect(packet)), name) << to_hex(packet);
    }
    // MQTT 5 has passwords without user names.
    EXPECT_TRUE(read_connect(by_hand(5, 0x42, concat({bytes{0}, texts({"d", "p"})}))));
}

TEST(connect_packet, has_no_room_for_everything) {
    auto p = everything(4);
    p.password = secret_bytes(65'536);
    EXPECT_EQ(name_of_error(write_connect(p)), "too_large");
}

TEST(connect_collector, takes_one_packet_and_no_more) {
    const auto packet = got(write_connect(everything(5)));
    const bytes stream = concat({packet, as_bytes("\x30rest")});
    for (const size_t at_once : {1UL, 3UL, 1'000UL}) {
        connect_collector collector;
        bytes collected, behind;
        for (bytes_view rest = stream; !rest.empty();) {
            bytes_view some = rest.first(std::min(at_once, rest.size()));
            rest = rest.subspan(some.size());
            if (collected.empty()) {
                if (auto whole = got(collector.take(some))) {
                    collected = *whole;
                }
            }
            append(behind, some);
        }
        EXPECT_EQ(collected, packet);
        EXPECT_EQ(as_text(behind), "\x30rest");
    }
}

TEST(connect_collector, takes_nothing_else) {
    const std::pair<bytes, const char*> cases[] = {{{0x30, 2}, "malformed"},
                                                   {{'G', 'E', 'T'}, "malformed"},
                                                   {{0x10, 0x80, 0x80, 0x80, 0x80}, "malformed"},
                                                   {{0x10, 0x80, 0x00}, "malformed"},
                                                   {{0x10, 0xff, 0xff, 0xff, 0x7f}, "too_large"}};
    for (const auto& [octets, name] : cases) {
        connect_collector collector;
        bytes_view rest = octets;
        EXPECT_EQ(name_of_error(collector.take(rest)), name) << to_hex(octets);
    }
}

class RelayToken : public testing::Test {
protected:
    static relay_claims claims() {
        relay_claims out;
        out.nonce.fill(7);
        out.expires = 12'345;
        out.peer.value = to_bytes(as_bytes("192.0.2.1:4711"));
        out.client_id.value = to_bytes(as_bytes("dev-1"));
        out.password.value = to_bytes(as_bytes("SharedAccessSignature sr=..."));
        out.chain.items = {wire::opaque<1, 0xffff>(bytes(900, 1)), wire::opaque<1, 0xffff>(bytes(800, 2))};
        return out;
    }
    const secret_bytes secret{bytes(relay_secret_octets, 9)}, other{bytes(relay_secret_octets, 8)};
};

TEST_F(RelayToken, IsOpenedByTheSecretItWasSealedBy) {
    const auto token = got(seal_relay_token(claims(), secret));
    const std::string_view words = as_text(token.reveal());
    EXPECT_TRUE(std::ranges::all_of(words, [](char c) { return c > ' ' && c < 0x7f; })) << "MQTT has it as a text";
    const auto opened = got(open_relay_token(words, secret));
    EXPECT_EQ(opened.nonce, claims().nonce);
    EXPECT_EQ(opened.expires, claims().expires);
    EXPECT_EQ(opened.peer, claims().peer);
    EXPECT_EQ(opened.client_id, claims().client_id);
    EXPECT_EQ(opened.password, claims().password);
    EXPECT_EQ(opened.chain, claims().chain);
    EXPECT_EQ(name_of_error(open_relay_token(words, other)), "bad_relay_token");
    EXPECT_EQ(name_of_error(open_relay_token(words, secret_bytes())), "bad_relay_token");
}

TEST_F(RelayToken, IsNoneWithOneBitOfAnother) {
    const std::string good(as_text(got(seal_relay_token(claims(), secret)).reveal()));
    for (size_t i = 0; i < good.size(); i += 7) {
        auto bad = good;
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        EXPECT_EQ(name_of_error(open_relay_token(bad, secret)), "bad_relay_token") << i;
    }
    for (const std::string& none : {std::string(), std::string("x"), good.substr(4), good + "AAAA", std::string(70'000, 'A')}) {
        EXPECT_EQ(name_of_error(open_relay_token(none, secret)), "bad_relay_token");
    }
}

TEST_F(RelayToken, HasRoomForAsMuchAsMqttHas) {
    auto large = claims();
    large.chain.items.assign(5, wire::opaque<1, 0xffff>(bytes(9'000, 1)));
    EXPECT_TRUE(seal_relay_token(large, secret));
    large.chain.items.assign(6, wire::opaque<1, 0xffff>(bytes(9'000, 1)));
    EXPECT_EQ(name_of_error(seal_relay_token(large, secret)), "too_large");
    large.chain.items.assign(10, wire::opaque<1, 0xffff>(bytes(60'000, 1)));
    EXPECT_EQ(name_of_error(seal_relay_token(large, secret)), "too_large");
}

TEST(origin, of_ones_own_pages_and_of_named_ones) {
    const std::vector<std::string> others{"https://Console.example", "https://other.example:8443"};
    for (const char* good : {"https://hub.example:8443", "https://HUB.example:8443", "https://console.example",
                             "https://console.example:443", "https://other.example:8443"}) {
        EXPECT_TRUE(may_ask(good, "hub.example", "hub.example:8443", others)) << good;
    }
    EXPECT_TRUE(may_ask("https://hub.example", "hub.example", "hub.example:443", {}));
    EXPECT_TRUE(may_ask("https://hub.example:443", "hub.example", "hub.example", {}));
    for (const char* bad : {"", "null", "https://hub.example", "http://hub.example:8443", "https://hub.example:8443.evil.example",
                            "https://evil.example:8443", "https://hub.example:8443/", "https://other.example",
                            "https://x@hub.example:8443", "https://", "https://:443", "https://:8443"}) {
        EXPECT_FALSE(may_ask(bad, "hub.example", "hub.example:8443", others)) << bad;
    }
    EXPECT_FALSE(may_ask("https://evil.example", "hub.example", "evil.example", {}))
        << "what the request says counts for nothing";
}

}  // namespace
}  // namespace berth::test

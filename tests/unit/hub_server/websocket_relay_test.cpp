// Whose WebSocket is opened, and what the others are told.
#include "hub_server/websocket_relay.h"

#include "crypto/random.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

namespace berth::test {
namespace {

using namespace app;

class WebsocketRelay : public testing::Test {
protected:
    net::websocket_route route(websocket_relay::settings s) {
        s.host = "hub.example";
        relay = std::make_shared<websocket_relay>(std::move(s), system_clock(), crypto::system_random(), metrics);
        return relay->route();
    }
    static websocket_relay::settings usual() {
        websocket_relay::settings out;
        out.has_broker = true;
        out.limits.most_connections = 3;
        out.limits.most_per_address = 2;
        return out;
    }
    std::shared_ptr<relay_place> up() {
        auto place = std::make_shared<relay_place>();
        place->socket = "/nowhere";
        place->secret.set(std::make_shared<secret_bytes>(32));
        place->up = true;
        relay->serve(place);
        return place;
    }
    static net::http_request from(const std::string& address, const std::string& origin = "") {
        net::http_request out;
        auto peer = std::make_shared<net::peer_info>();
        peer->address = address;
        out.peer = std::move(peer);
        out.headers.add("Host", "hub.example");
        if (!origin.empty()) {
            out.headers.add("Origin", origin);
        }
        return out;
    }
    // "open", or the status and what it is called.
    static std::string outcome(const tl::expected<net::websocket_route::opener, net::http_response>& answer) {
        if (answer) {
            return "open";
        }
        const auto body = got(wire::parse_json_object(answer.error().body));
        return fmt::format("{} {}", answer.error().status, std::string(body.at("error").at("name").as_string()));
    }
    ops::metric_registry metrics;
    std::shared_ptr<websocket_relay> relay;
};

TEST_F(WebsocketRelay, NeedsABrokerThatIsUp) {
    auto none = usual();
    none.has_broker = false;
    auto without = route(none);
    EXPECT_EQ(outcome(without.admit(from("192.0.2.1:1"))), "503 no_broker");
    auto r = route(usual());
    EXPECT_EQ(outcome(r.admit(from("192.0.2.1:1"))), "503 broker_down");
    const auto place = up();
    EXPECT_EQ(outcome(r.admit(from("192.0.2.1:1"))), "open");
    place->up = false;
    const auto answer = r.admit(from("192.0.2.1:1"));
    EXPECT_EQ(outcome(answer), "503 broker_down");
    EXPECT_EQ(answer.error().headers.get("Retry-After"), "5");
}

TEST_F(WebsocketRelay, HasSoManyAndNoMore) {
    auto r = route(usual());
    const auto place = up();
    auto first = r.admit(from("192.0.2.1:1"));
    const auto second = r.admit(from("192.0.2.1:2"));
    EXPECT_EQ(outcome(r.admit(from("192.0.2.1:3"))), "503 too_many_connections") << "of one address";
    const auto third = r.admit(from("[2001:db8::1]:1"));
    EXPECT_EQ(outcome(third), "open");
    EXPECT_EQ(outcome(r.admit(from("192.0.2.2:1"))), "503 too_many_connections") << "of all";
    EXPECT_THAT(metrics.text(), testing::HasSubstr("berth_hub_websockets 3"));
    first = tl::unexpected(net::http_response());
    EXPECT_EQ(outcome(r.admit(from("192.0.2.2:1"))), "open") << "whose connection went before it was opened has no place";
    EXPECT_THAT(metrics.text(), testing::HasSubstr(R"(berth_hub_websockets_refused_total{reason="too_many_connections"} 2)"));
}

TEST_F(WebsocketRelay, IsForItsOwnPagesAlone) {
    auto s = usual();
    s.limits.origins = {"https://console.example"};
    auto r = route(s);
    const auto place = up();
    EXPECT_EQ(outcome(r.admit(from("192.0.2.1:1", "https://evil.example"))), "403 foreign_origin");
    EXPECT_EQ(outcome(r.admit(from("192.0.2.1:1", "null"))), "403 foreign_origin");
    EXPECT_EQ(outcome(r.admit(from("192.0.2.1:1", "https://hub.example"))), "open");
    EXPECT_EQ(outcome(r.admit(from("192.0.2.1:1", "https://console.example"))), "open");
}

TEST_F(WebsocketRelay, SaysWhatToUseInsteadOfAmqp) {
    const auto r = route(usual());
    EXPECT_EQ(r.subprotocols, std::vector<std::string>{"mqtt"});
    for (const char* amqp : {"AMQPWSB10", "amqp", "AMQP"}) {
        const auto answer = r.not_spoken({amqp});
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->status, 501U);
        EXPECT_THAT(answer->body, testing::HasSubstr("use MQTT"));
    }
    EXPECT_EQ(r.not_spoken({"chat"})->status, 400U);
    EXPECT_EQ(r.not_spoken({})->status, 400U);
}

}  // namespace
}  // namespace berth::test

// net::mqtt_client, which berth-agent has, at a hub's broker.
#include "kept_world.h"

#include "net/mqtt_client.h"
#include "keystore/key_uri.h"
#include "net/tls.h"

namespace berth::test {
namespace {

using testing::HasSubstr;

class MqttClient : public Kept {
protected:
    // A session's story: "connected", "TOPIC PAYLOAD", "lost connection_lost", ...
    struct session {
        std::vector<std::string> story;
        std::unique_ptr<net::mqtt_client> client;
        [[nodiscard]] std::string all() const {
            std::string out;
            for (const auto& line : story) {
                out += line + "\n";
            }
            return out;
        }
        [[nodiscard]] bool says(std::string_view what) const { return all().find(what) != std::string::npos; }
    };
    net::channel_transport over(const std::string& whose, bool own_root = true) {
        net::tls_client_config config;
        const auto& who = holder(whose);
        const auto anchors = own_root ? world->server_root() : world->fleet_root();
        config.server.trust = got(pki::trust_store::build({got(app::read_chain(anchors)), {}, {}}));
        config.server.policy = authkem::server_named("localhost");
        config.own =
            net::tls_credential{got(app::read_chain(who.chain)), got(keystore::open_signing_key("file:" + who.key.string()))};
        config.server_name = "localhost";
        return got(net::tls_context::make(std::move(config), system_clock()));
    }
    session& start(const std::string& as, const std::string& whose, bool own_root = true) {
        sessions.push_back(std::make_unique<session>());
        auto* const s = sessions.back().get();
        net::mqtt_client_options options;
        options.client_id = as;
        options.user_name = "localhost/" + as + "/?api-version=2021-04-12";
        s->client = got(net::mqtt_client::start(
            loop, world->at("mqtt"), over(whose, own_root), std::move(options),
            {[s](const result<void>& in) { s->story.push_back(in ? "connected" : "refused " + in.error().name); },
             [s](const std::string& topic, bytes_view payload) {
                 s->story.push_back(topic + " " + std::string(as_text(payload)));
             },
             [s](const error& why) { s->story.push_back("lost " + why.name); }}));
        return *s;
    }
    static net::mqtt_client::done tells(session& s, std::string what) {
        return [&s, what](const result<void>& r) { s.story.push_back(what + " " + (r ? "done" : r.error().name)); };
    }
    bool until(const session& s, std::string_view what) {
        net::timer limit(loop), look(loop);
        bool late = false;
        limit.arm(20'000, [&] {
            late = true;
            loop.stop();
        });
        std::function<void()> again = [&] {
            if (s.says(what)) {
                return loop.stop();
            }
            look.arm(5, again);
        };
        again();
        loop.restart();
        if (!s.says(what)) {
            loop.run();
        }
        listen(1);
        return s.says(what);
    }
    net::loop loop;
    std::vector<std::unique_ptr<session>> sessions;
};

TEST_F(MqttClient, AsksAndIsAnswered) {
    begin();
    auto& s = start("dev-1", "dev-1");
    ASSERT_TRUE(until(s, "connected")) << s.all() << said;
    ASSERT_TRUE(s.client->subscribe("$iothub/twin/res/#", 0, tells(s, "subscribe")));
    ASSERT_TRUE(until(s, "subscribe done")) << s.all();
    ASSERT_TRUE(
        s.client->publish("$iothub/twin/PATCH/properties/reported/?$rid=1", as_bytes(R"({"a":1})"), 1, tells(s, "report")));
    ASSERT_TRUE(until(s, "$iothub/twin/res/204/?$rid=1&$version=2")) << s.all() << said;
    EXPECT_TRUE(s.says("report done")) << s.all();
    ASSERT_TRUE(s.client->publish("$iothub/twin/GET/?$rid=2", as_bytes(" "), 0, {}));
    ASSERT_TRUE(until(s, R"($iothub/twin/res/200/?$rid=2 {"desired":{"$version":1},"reported":{"a":1,"$version":2}})"))
        << s.all();
    ASSERT_TRUE(s.client->subscribe("devices/dev-2/messages/devicebound/#", 1, tells(s, "another's")));
    ASSERT_TRUE(until(s, "another's mqtt_refused")) << s.all();
    // More than a pipe holds at once.
    listen_to_all();
    const std::string large(200'000, 'x');
    ASSERT_TRUE(s.client->publish("devices/dev-1/messages/events/", as_bytes(large), 1, tells(s, "large")));
    ASSERT_TRUE(until(s, "large done")) << s.all();
    s.client->close([&s] { s.story.push_back("closed"); });
    ASSERT_TRUE(until(s, "closed")) << s.all();
    EXPECT_FALSE(s.says("lost"));
    EXPECT_TRUE(eventually([&] { return text("heard").size() > large.size(); }));
    EXPECT_FALSE(s.client->publish("devices/dev-1/messages/events/", {}, 1));
}

TEST_F(MqttClient, AsksTooOftenAndIsTold) {
    begin();
    auto& s = start("dev-1", "dev-1");
    ASSERT_TRUE(until(s, "connected")) << s.all() << said;
    ASSERT_TRUE(s.client->subscribe("$iothub/twin/res/#", 0, tells(s, "subscribe")));
    ASSERT_TRUE(until(s, "subscribe done"));
    for (int i = 0; i < 200; ++i) {
        ASSERT_TRUE(s.client->publish(fmt::format("$iothub/twin/GET/?$rid={}", i), as_bytes(" "), 0));
    }
    ASSERT_TRUE(until(s, "$iothub/twin/res/429/?$rid=")) << s.all();
    EXPECT_TRUE(until(s, "$iothub/twin/res/200/?$rid=0")) << s.all();
}

TEST_F(MqttClient, IsRefusedAndSaysWhy) {
    begin();
    auto& other = start("dev-2", "dev-1");
    ASSERT_TRUE(until(other, "refused mqtt_refused")) << other.all();
    auto& distrusts = start("dev-1", "dev-1", false);
    ASSERT_TRUE(until(distrusts, "refused ")) << distrusts.all();
    EXPECT_FALSE(distrusts.says("mqtt_refused")) << distrusts.all();
    EXPECT_FALSE(distrusts.says("connected"));
}

TEST_F(MqttClient, IsToldWhenItsSessionEnds) {
    begin();
    auto& s = start("dev-1", "dev-1");
    ASSERT_TRUE(until(s, "connected")) << s.all() << said;
    EXPECT_EQ(hub({"device", "disable", "dev-1"}).exit, 0);
    ASSERT_TRUE(until(s, "lost connection_lost")) << s.all();
    EXPECT_FALSE(s.client->subscribe("$iothub/twin/res/#", 0, {}));
    auto& again = start("dev-1", "dev-1");
    ASSERT_TRUE(until(again, "refused mqtt_refused")) << again.all();
}

TEST_F(MqttClient, WhoLetsGoHearsNothingMore) {
    begin();
    auto& s = start("dev-1", "dev-1");
    s.client.reset();
    auto& in = start("dev-1", "dev-1");
    ASSERT_TRUE(until(in, "connected")) << in.all() << said;
    in.client.reset();
    EXPECT_EQ(s.all(), "");
    auto& third = start("dev-2", "dev-2");
    ASSERT_TRUE(until(third, "connected"));
    EXPECT_EQ(in.all(), "connected\n");
}

}  // namespace
}  // namespace berth::test

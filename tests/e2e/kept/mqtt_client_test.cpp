// net::mqtt_client, which berth-agent has, at a hub's broker.
#include "mqtt_sessions.h"

namespace berth::test {
namespace {

using testing::HasSubstr;

class MqttClient : public MqttSessions {};

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

// What a device may do at the broker: its own, and nothing else.
#include "broker_world.h"

namespace berth::test {
namespace {

class BrokerTopics : public BrokerWorld {
protected:
    void SetUp() override {
        BrokerWorld::SetUp();
        start();
        done({"device", "add", "dev1"});
        done({"device", "add", "dev2"});
        certify("dev1", "dev1");
        certify("dev2", "dev2");
        listener = listen_to_all();
    }
    void TearDown() override {
        ::kill(listener, SIGKILL);
        (void)exit_of(listener);
        BrokerWorld::TearDown();
    }
    pid_t listener = -1;
};

TEST_F(BrokerTopics, TelemetryIsItsOwn) {
    for (const char* topic :
         {"devices/dev2/messages/events/stolen", "devices/dev1/messages/devicebound/stolen", "$iothub/twin/res/200/?stolen",
          "$iothub/methods/POST/stolen/?$rid=1", "devices/dev1/messages/events/a/stolen"}) {
        EXPECT_EQ(connect("dev1", "dev1", topic), "in") << "MQTT 3.1.1 has no refusal of a publish";
    }
    EXPECT_EQ(connect("dev1", "dev1", "devices/dev1/messages/events/own=1"), "in");
    ASSERT_TRUE(eventually([this] { return heard().find("own=1") != std::string::npos; })) << log();
    EXPECT_EQ(heard().find("stolen"), std::string::npos) << heard();
    // MQTT 5 is told (reason code 135, Not authorized).
    const auto words = client("mosquitto_pub", "dev1", "dev1",
                              {"-V", "mqttv5", "-d", "-q", "1", "-m", "x", "-t", "devices/dev2/messages/events/"});
    const auto r = run_program(words.front(), {words.begin() + 1, words.end()}, 20'000, libraries());
    EXPECT_THAT(r.all(), testing::HasSubstr("RC:135"));
}

TEST_F(BrokerTopics, SubscriptionsToo) {
    const auto subscribe = [this](const std::string& filter) {
        const auto words = client("mosquitto_sub", "dev1", "dev1", {"-E", "-t", filter});
        const auto r = run_program(words.front(), {words.begin() + 1, words.end()}, 20'000, libraries());
        return r.all();
    };
    for (const char* filter :
         {"#", "devices/#", "devices/dev2/messages/devicebound/#", "$SYS/#", "$iothub/#", "devices/+/messages/devicebound/#"}) {
        EXPECT_THAT(subscribe(filter), testing::HasSubstr("denied")) << filter;
    }
    EXPECT_THAT(subscribe("devices/dev1/messages/devicebound/#"), testing::Not(testing::HasSubstr("denied")));
}

TEST_F(BrokerTopics, AWillIsJudgedLikeAnyPublish) {
    const auto with_will = [this](const std::string& topic) {
        const size_t from = log().size();
        const pid_t one =
            spawn(client("mosquitto_sub", "dev1", "dev1",
                         {"-t", "$iothub/twin/res/#", "--will-topic", topic, "--will-payload", "last words", "--will-qos", "1"}),
                  at("will.log"), libraries());
        EXPECT_TRUE(eventually([&] { return says("as dev1", from); })) << log();
        ::kill(one, SIGKILL);
        (void)exit_of(one);
    };
    with_will("devices/dev2/messages/events/will=stolen");
    with_will("devices/dev1/messages/events/will=own");
    EXPECT_TRUE(eventually([this] { return heard().find("will=own last words") != std::string::npos; })) << heard() << log();
    EXPECT_EQ(heard().find("stolen"), std::string::npos);
}

}  // namespace
}  // namespace berth::test

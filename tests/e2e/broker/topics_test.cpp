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

TEST_F(BrokerTopics, AGroupHasWhatItsPolicySays) {
    done({"policy", "set", "meters", "--allow", "twin", "--publish", "site/{device}/up", "--subscribe", "tariff/#"});
    done({"device", "set", "dev1", "--group", "meters"});
    const pid_t sites = spawn({"/usr/bin/mosquitto_sub", "--unix", at("local"), "-i", "sites", "-t", "site/#", "-F", "%t %p"},
                              at("sites"), libraries());
    EXPECT_TRUE(eventually([this] { return says("as sites"); })) << log();
    const auto went = [this](const std::string& topic) {
        const auto words = client("mosquitto_pub", "dev1", "dev1", {"-V", "mqttv5", "-d", "-q", "1", "-m", "x", "-t", topic});
        return run_program(words.front(), {words.begin() + 1, words.end()}, 20'000, libraries()).all().find("RC:135") ==
               std::string::npos;
    };
    // What was changed takes effect within a tenth of a second.
    EXPECT_TRUE(eventually([&] { return went("site/dev1/up"); })) << log();
    EXPECT_TRUE(eventually([this] { return text("sites").find("site/dev1/up x") != std::string::npos; }));
    EXPECT_FALSE(went("site/dev2/up"));
    EXPECT_FALSE(went("devices/dev1/messages/events/")) << "withheld";
    EXPECT_FALSE(went("tariff/today"));
    ::kill(sites, SIGKILL);
    (void)exit_of(sites);
    // One that listens hears no more once it is taken back, though it has subscribed.
    auto hearing = client("mosquitto_sub", "dev1", "dev1", {"-t", "tariff/#", "-F", "%t %p", "-d"});
    hearing.insert(hearing.begin(), {"/usr/bin/stdbuf", "-o0"});
    const pid_t listens = spawn(hearing, at("tariffs"), libraries());
    EXPECT_TRUE(eventually([this] { return text("tariffs").find("SUBACK") != std::string::npos; }));
    const auto tell = [this](const std::string& what) {
        return run_program("/usr/bin/mosquitto_pub", {"--unix", at("local"), "-i", "teller", "-t", "tariff/a", "-m", what},
                           20'000, libraries())
            .exit;
    };
    EXPECT_EQ(tell("first"), 0);
    EXPECT_TRUE(eventually([this] { return text("tariffs").find("tariff/a first") != std::string::npos; })) << text("tariffs");
    EXPECT_THAT(hub({"policy", "explain", "dev1", "tariff/a"}).all(), testing::HasSubstr("\"allowed\":true"));
    done({"policy", "set", "meters", "--allow", "twin"});
    EXPECT_THAT(hub({"policy", "explain", "dev1", "tariff/a"}).all(), testing::Not(testing::HasSubstr("\"allowed\":true")));
    EXPECT_TRUE(eventually([&] {
        const std::string sent = std::to_string(system_clock().steady());
        EXPECT_EQ(tell(sent), 0);
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        return text("tariffs").find(sent) == std::string::npos;
    }));
    ::kill(listens, SIGKILL);
    (void)exit_of(listens);
    done({"policy", "delete", "meters"});
    EXPECT_TRUE(eventually([&] { return went("devices/dev1/messages/events/"); })) << "what default says holds again";
}

TEST_F(BrokerTopics, PoliciesAreJudgedWhenTheyAreSaid) {
    EXPECT_EQ(refused({"policy", "set", "meters", "--allow", "telemetri"}), "bad_policy");
    EXPECT_EQ(refused({"policy", "set", "meters", "--publish", "devices/#"}), "bad_policy");
    EXPECT_EQ(refused({"policy", "set", "two words"}), "bad_policy");
    EXPECT_EQ(refused({"policy", "show", "meters"}), "unknown_group_policy");
    EXPECT_EQ(refused({"policy", "delete", "meters"}), "unknown_group_policy");
    EXPECT_EQ(refused({"policy", "explain", "nobody", "x"}), "unknown_identity");
    done({"policy", "set", "default", "--allow", "none"});
    const auto why = hub({"policy", "explain", "dev1", "devices/dev1/messages/events/"});
    EXPECT_THAT(why.all(), testing::HasSubstr("withholds"));
    const auto upload = hub({"policy", "explain", "dev1", "file-upload"});
    EXPECT_THAT(upload.all(), testing::AllOf(testing::HasSubstr("\"operation\":\"file-upload\""),
                                             testing::HasSubstr("\"allowed\":false"), testing::HasSubstr("withholds")));
    done({"policy", "set", "default", "--allow", "file-upload"});
    EXPECT_THAT(hub({"policy", "explain", "dev1", "file-upload"}).all(), testing::HasSubstr("\"allowed\":true"));
    EXPECT_EQ(hub({"policy", "list"}).output.size(), 1U);
}

}  // namespace
}  // namespace berth::test

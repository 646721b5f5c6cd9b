// Direct methods, from a back end or an operator to a device and back.
#include "mqtt_sessions.h"
#include "support/mqtt_packets.h"
#include "support/small_world.h"

namespace berth::test {
namespace {

using testing::HasSubstr;

class Methods : public MqttSessions {
protected:
    ~Methods() override {
        for (const auto& [pid, file] : calls_) {
            if (pid <= 0) {
                continue;
            }
            ::kill(pid, SIGKILL);
            (void)exit_of(pid);
        }
    }
    // A device that is connected and listens for methods.
    session& device(const std::string& name) {
        auto& s = start(name, name);
        EXPECT_TRUE(until(s, "connected")) << s.all() << said;
        EXPECT_TRUE(s.client->subscribe("$iothub/methods/POST/#", 0, tells(s, "subscribe")));
        EXPECT_TRUE(until(s, "subscribe done")) << s.all();
        return s;
    }
    // Begins; the number is for end().
    size_t begin_command(const std::vector<std::string>& words) {
        const std::string file = at(fmt::format("call-{}", calls_.size()));
        calls_.emplace_back(spawn(words, file, our_libraries()), file);
        return calls_.size() - 1;
    }
    size_t call(const std::string& name, const std::string& method, const std::vector<std::string>& more = {}) {
        std::vector<std::string> words{std::filesystem::path(BERTH_BIN_DIR) / "berth",
                                       "--json",
                                       "hub",
                                       "method",
                                       "call",
                                       name,
                                       method,
                                       "--hub",
                                       world->hub().string()};
        words.insert(words.end(), more.begin(), more.end());
        return begin_command(words);
    }
    // By a back end; what is said is the body and, in a line of its own, the status.
    size_t post(const std::string& path, const std::string& body, const std::vector<std::string>& who) {
        std::vector<std::string> words{"/usr/bin/curl",
                                       "-sS",
                                       "--cacert",
                                       world->server_root().string(),
                                       "-X",
                                       "POST",
                                       "-H",
                                       "Content-Type: application/json",
                                       "--data-binary",
                                       body,
                                       "-w",
                                       "\n%{http_code}",
                                       fmt::format("https://localhost:{}{}", world->at("https").port, path)};
        words.insert(words.end() - 1, who.begin(), who.end());
        return begin_command(words);
    }
    [[nodiscard]] std::vector<std::string> admin() const {
        return {"--cert", world->admin().chain.string(), "--key", world->admin().key.string()};
    }
    std::string end(size_t number) {
        // Devices go on meanwhile.
        const pid_t pid = std::exchange(calls_[number].first, -1);
        net::timer look(loop);
        std::function<void()> again = [&] {
            if (siginfo_t how{};
                ::waitid(P_PID, static_cast<id_t>(pid), &how, WEXITED | WNOHANG | WNOWAIT) == 0 && how.si_pid == 0) {
                return look.arm(5, again);
            }
            loop.stop();
        };
        loop.restart();
        look.arm(0, again);
        loop.run();
        (void)exit_of(pid);
        return got(app::read_text(calls_[number].second));
    }
    // The number by which the device was called last; empty: it was not.
    static std::string number_of(const session& s) {
        const std::string all = s.all();
        const size_t from = all.rfind("/?$rid=");
        return from == std::string::npos ? "" : all.substr(from + 7, all.find(' ', from) - from - 7);
    }
    void answer(session& s, const std::string& number, int status, const std::string& payload) {
        ASSERT_TRUE(s.client->publish(fmt::format("$iothub/methods/res/{}/?$rid={}", status, number), as_bytes(payload), 0));
    }

private:
    std::vector<std::pair<pid_t, std::string>> calls_;
};

TEST_F(Methods, ADeviceIsCalledAndAnswers) {
    begin(false, "[admin]\nlisten = \"127.0.0.1:0\"\n");
    auto& one = device("dev-1");
    auto& other = device("dev-2");
    const size_t by_operator = call("dev-1", "reboot", {"--payload", R"({"in": 5})"});
    ASSERT_TRUE(until(one, "$iothub/methods/POST/reboot/?$rid=")) << one.all() << said;
    EXPECT_THAT(one.all(), HasSubstr(R"( {"in":5})"));
    // Another device's answer, one to a call that was never made, and a word that is no answer count for nothing.
    answer(other, number_of(one), 500, "{}");
    answer(one, "1", 500, "{}");
    ASSERT_TRUE(one.client->publish("$iothub/methods/res/500/?rid=" + number_of(one), {}, 0));
    answer(one, number_of(one), 201, R"({"done":true})");
    ASSERT_TRUE(one.client->publish("devices/dev-1/messages/events/", {}, 1, tells(one, "sent")));
    ASSERT_TRUE(until(one, "sent done"));
    EXPECT_EQ(wire::parse_json(end(by_operator)).value(), wire::parse_json(R"({"status":201,"payload":{"done":true}})").value());
    EXPECT_FALSE(other.says("reboot"));

    const size_t by_back_end = post("/twins/dev-2/methods", R"({"methodName":"Lock","responseTimeoutInSeconds":20})", admin());
    ASSERT_TRUE(until(other, "$iothub/methods/POST/Lock/?$rid=")) << other.all() << said;
    answer(other, number_of(other), 404, "");
    ASSERT_TRUE(other.client->publish("devices/dev-2/messages/events/", {}, 1, tells(other, "sent")));
    ASSERT_TRUE(until(other, "sent done"));
    EXPECT_EQ(end(by_back_end), "{\"status\":404,\"payload\":null}\n200");
    EXPECT_THAT(http_get(world->at("admin").port, "/metrics").body,
                HasSubstr(R"(berth_hub_methods_total{outcome="answered"} 2)"));
}

TEST_F(Methods, WhoMayNotCallIsToldNothing) {
    begin();
    const std::string call = R"({"methodName":"reboot"})";
    const auto& who = holder("dev-1");
    const std::vector<std::string> as_device{"--cert", who.chain.string(), "--key", who.key.string()};
    for (const auto& by : {std::vector<std::string>{}, as_device}) {
        const auto said_to = end(post("/twins/dev-1/methods", call, by));
        EXPECT_THAT(said_to, testing::EndsWith("\n401")) << said_to;
        EXPECT_EQ(said_to, end(post("/twins/nobody/methods", "no JSON", by))) << "nothing is told of what there is";
    }
}

TEST_F(Methods, BadCallsAreToldWhatIsWrong) {
    begin();
    const auto ask = [this](const std::string& path, const std::string& body) { return end(post(path, body, admin())); };
    EXPECT_THAT(ask("/twins/nobody/methods", R"({"methodName":"a"})"), HasSubstr("DeviceNotFound"));
    EXPECT_THAT(ask("/twins/dev-1/methods", R"({"methodName":"a"})"),
                testing::AllOf(HasSubstr("DeviceNotOnline"), testing::EndsWith("\n404")));
    EXPECT_THAT(ask("/twins/dev-1/modules/x/methods", R"({"methodName":"a"})"), HasSubstr("ModuleNotFound"));
    for (const char* body : {"", "{", R"({"methodName":"a/b"})", R"({"methodName":"a","responseTimeoutInSeconds":1})"}) {
        EXPECT_THAT(ask("/twins/dev-1/methods", body), testing::EndsWith("\n400")) << body;
    }
    EXPECT_THAT(end(call("dev-1", "a/b")), HasSubstr("bad_method_request"));
    EXPECT_THAT(end(call("dev-1", "a", {"--payload", "{"})), HasSubstr("--payload"));
    EXPECT_THAT(end(call("dev-1", "a")), HasSubstr("device_not_online"));
}

TEST_F(Methods, ACallWaitsForItsDevice) {
    begin();
    const size_t number = call("dev-1", "hello", {"--connect-timeout", "60"});
    auto& one = device("dev-1");
    ASSERT_TRUE(until(one, "$iothub/methods/POST/hello/?$rid=")) << one.all() << said;
    answer(one, number_of(one), 200, "[1]");
    ASSERT_TRUE(one.client->publish("devices/dev-1/messages/events/", {}, 1, tells(one, "sent")));
    ASSERT_TRUE(until(one, "sent done"));
    EXPECT_THAT(end(number), HasSubstr("[1]"));
}

TEST_F(Methods, WhoDoesNotAnswerIsNotWaitedForLonger) {
    begin();
    auto& one = device("dev-1");
    const size_t late = call("dev-1", "hello", {"--timeout", "5"});
    ASSERT_TRUE(until(one, "/hello/?$rid="));
    const std::string first = number_of(one);
    EXPECT_THAT(end(late), HasSubstr("method_timeout"));
    answer(one, first, 200, "{}");  // too late, and for nobody
    const size_t gone = call("dev-1", "again", {"--timeout", "300"});
    ASSERT_TRUE(until(one, "/again/?$rid="));
    EXPECT_NE(number_of(one), first);
    one.client.reset();
    EXPECT_THAT(end(gone), HasSubstr("device_not_online"));
}

TEST_F(Methods, AGroupsPolicyClosesThem) {
    begin();
    auto& one = device("dev-1");
    ASSERT_EQ(hub({"policy", "set", "default", "--allow", "telemetry,twin"}).exit, 0);
    std::string refused;
    ASSERT_TRUE(eventually([&] {
        refused = end(call("dev-1", "hello", {"--timeout", "5"}));
        return refused.find("operation_closed") != std::string::npos;
    })) << refused;
    (void)one;
}

TEST_F(Methods, ABrokerThatIsKilledLeavesNobodyWaiting) {
    begin();
    auto& one = device("dev-1");
    const size_t number = call("dev-1", "hello", {"--timeout", "300"});
    ASSERT_TRUE(until(one, "/hello/?$rid="));
    const auto brokers = brokers_now();
    ASSERT_FALSE(brokers.empty());
    for (const pid_t each : brokers) {
        ::kill(each, SIGKILL);
    }
    EXPECT_THAT(end(number), HasSubstr("broker_lost"));
    ASSERT_TRUE(until(one, "lost ")) << one.all();
    // It is started again, and berthd's line to it, too.
    session* again = nullptr;
    ASSERT_TRUE(eventually([&] {
        again = &start("dev-1", "dev-1");
        return until(*again, "ed") && again->says("connected");
    })) << said;
    ASSERT_TRUE(again->client->subscribe("$iothub/methods/POST/#", 0, tells(*again, "subscribe")));
    ASSERT_TRUE(until(*again, "subscribe done"));
    const size_t next = call("dev-1", "hello", {"--connect-timeout", "30"});
    ASSERT_TRUE(until(*again, "/hello/?$rid=")) << again->all() << end(next) << said;
    answer(*again, number_of(*again), 200, "7");
    ASSERT_TRUE(again->client->publish("devices/dev-1/messages/events/", {}, 1, tells(*again, "sent")));
    ASSERT_TRUE(until(*again, "sent done"));
    EXPECT_THAT(end(next), HasSubstr("200"));
}

// A session that lasts listens while its device is here, and only if it has subscribed: else there is nobody to call.
TEST_F(Methods, ASessionThatLastsListensWhileItsDeviceIsHere) {
    begin();
    const auto come = [this](bool lasting) {
        const auto& who = holder("dev-1");
        auto out = std::make_unique<mqtt_by_hand>(
            world->at("mqtt").port, websocket_client::files{world->server_root().string(), who.chain.string(), who.key.string()});
        EXPECT_EQ(out->log_in(mqtt_connect("dev-1", std::nullopt, !lasting)), 0) << said;
        return out;
    };
    const auto connected = [this](const char* state) {
        return eventually([&] { return hub({"device", "show", "dev-1"}).json().at("connectionState") == state; });
    };
    const auto is_called = [this](mqtt_by_hand& c) {
        const size_t number = call("dev-1", "hello");
        const auto told = c.next(3);
        ASSERT_TRUE(told) << said;
        EXPECT_TRUE(c.publish("$iothub/methods/res/200/?" + told->topic().substr(told->topic().find("$rid=")), "1"));
        EXPECT_THAT(end(number), HasSubstr("200"));
    };
    const auto is_not_there = [this] {
        EXPECT_THAT(end(call("dev-1", "hello", {"--timeout", "300"})), HasSubstr("device_not_online"));
        EXPECT_THAT(end(post("/twins/dev-1/methods", R"({"methodName":"hello","responseTimeoutInSeconds":300})", admin())),
                    testing::AllOf(HasSubstr("DeviceNotOnline"), testing::EndsWith("\n404")));
    };
    auto c = come(true);
    ASSERT_TRUE(connected("Connected"));
    is_not_there();  // it has never subscribed
    EXPECT_EQ(hub({"twin", "set", "dev-1", "--desired", R"({"rate":5})"}).exit, 0);
    EXPECT_TRUE(c->is_there()) << "nor is it told what is wanted: PINGRESP comes first";
    ASSERT_TRUE(c->subscribe("$iothub/methods/POST/#"));
    is_called(*c);
    c.reset();
    ASSERT_TRUE(connected("Disconnected"));
    is_not_there();
    // It comes while it is waited for, and what it had subscribed to still holds: here, and at a broker that was started again.
    const size_t waits = call("dev-1", "hello", {"--connect-timeout", "60"});
    c = come(true);
    auto told = c->next(3);
    ASSERT_TRUE(told) << said;
    EXPECT_TRUE(c->publish("$iothub/methods/res/201/?" + told->topic().substr(told->topic().find("$rid=")), ""));
    EXPECT_THAT(end(waits), HasSubstr("201"));
    c.reset();
    ASSERT_TRUE(connected("Disconnected"));
    ASSERT_TRUE(eventually([this] { return world->restart().has_value(); })) << said;
    c = come(true);
    is_called(*c);
    // Who unsubscribes does not listen, nor when it comes again; and who begins anew neither.
    c->send(mqtt_packet(0xa2, {bytes{0, 9}, mqtt_text("$iothub/methods/POST/#")}));
    ASSERT_TRUE(c->next(11));
    is_not_there();
    c = come(true);
    is_not_there();
    ASSERT_TRUE(c->subscribe("$iothub/methods/POST/#"));
    is_called(*c);
    c = come(false);
    is_not_there();
    c = come(true);
    is_not_there();
}

}  // namespace
}  // namespace berth::test

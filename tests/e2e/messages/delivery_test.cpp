// Messages to devices over MQTT: who is there, who comes later, and what ends in between.
#include "messages_world.h"

namespace berth::test {
namespace {

using testing::HasSubstr;

TEST_F(MessageWorld, WhoIsThereIsGivenThemInOrder) {
    begin();
    receive("dev-1", "one");
    send("dev-1", "1", {"--ack", "full", "--property", "alert=yes & no", "--content-type", "text/plain"});
    send("dev-1", "2", {"--ack", "negative"});
    send("dev-1", "3", {"--ack", "positive"});
    EXPECT_TRUE(comes("one", "1,2,3,")) << text("one") << said;
    EXPECT_THAT(text("one"), HasSubstr("devices/dev-1/messages/devicebound/%24.mid=id-1&%24.to=%2Fdevices%2Fdev-1%2Fmessages%2F"
                                       "deviceBound&%24.ct=text%2Fplain&%24.exp="));
    EXPECT_THAT(text("one"), HasSubstr("&iothub-ack=full&alert=yes%20%26%20no|1\n"));
    EXPECT_TRUE(becomes("dev-1", "")) << "its acknowledgement completes them: " << queue("dev-1") << said;
    EXPECT_EQ(feedback(), "1:Success 3:Success ");
    EXPECT_EQ(text("one").find("DUP"), std::string::npos);
}

TEST_F(MessageWorld, WhoComesLaterIsGivenWhatWaits) {
    begin();
    send("dev-1", "1");
    send("dev-1", "2");
    send("dev-2", "others");
    EXPECT_EQ(queue("dev-1"), "1:enqueued:0 2:enqueued:0 ");
    const auto shown = hub({"device", "show", "dev-1"}).json();
    EXPECT_EQ(shown.at("cloudToDeviceMessageCount").to_number<int>(), 2);
    receive("dev-1", "one");
    EXPECT_TRUE(comes("one", "1,2,")) << text("one") << said;
    EXPECT_TRUE(becomes("dev-1", ""));
    EXPECT_EQ(hub({"device", "show", "dev-1"}).json().at("cloudToDeviceMessageCount").to_number<int>(), 0);
    EXPECT_EQ(queue("dev-2"), "others:enqueued:0 ");
}

// A session with clean=0 has subscribed once, and never again.
TEST_F(MessageWorld, ALastingSessionHasSubscribedBefore) {
    begin();
    gone(receive("dev-1", "first", {"-c"}));
    send("dev-1", "1");
    const auto later = receive("dev-1", "later", {"-c", "-t", "$iothub/twin/res/#"});
    EXPECT_TRUE(comes("later", "1,")) << text("later") << said;
    EXPECT_TRUE(becomes("dev-1", ""));
    gone(later);
    // Also at the next broker, whose sessions were written down.
    ASSERT_TRUE(eventually([this] { return hub({"device", "show", "dev-1"}).json().at("connectionState") == "Disconnected"; }));
    ASSERT_TRUE(world->restart()) << said;
    send("dev-1", "2");
    receive("dev-1", "again", {"-c", "-t", "$iothub/twin/res/#"});
    EXPECT_TRUE(comes("again", "2,")) << text("again") << said;
    EXPECT_TRUE(becomes("dev-1", ""));
    // Who begins a session anew has not.
    receive("dev-2", "not", {"-t", "$iothub/twin/res/#"});
    send("dev-2", "x");
    send("dev-1", "3");
    EXPECT_TRUE(comes("again", "2,3,")) << text("again") << said;
    EXPECT_EQ(came("not"), "");
}

// It is given again to a session that is not there any more, by the broker itself: once.
TEST_F(MessageWorld, WhoIsSilentIsGivenItAgain) {
    begin();
    auto one = receive("dev-1", "one", {"-c"});
    ::kill(one, SIGSTOP);
    send("dev-1", "1", {"--ack", "full"});
    send("dev-1", "2");
    ASSERT_TRUE(becomes("dev-1", "1:invisible:1 2:invisible:1 ")) << queue("dev-1") << said;
    gone(one);
    ASSERT_TRUE(becomes("dev-1", "1:enqueued:1 2:enqueued:1 ")) << queue("dev-1") << said;
    EXPECT_EQ(came("one"), "");
    receive("dev-1", "two", {"-c"});
    EXPECT_TRUE(becomes("dev-1", "")) << queue("dev-1") << text("two") << said;
    EXPECT_EQ(came("two"), "1,2,") << text("two");
    EXPECT_EQ(feedback(), "1:Success ");
    // A session that does not last is given it anew.
    auto three = receive("dev-2", "three");
    ::kill(three, SIGSTOP);
    send("dev-2", "3");
    ASSERT_TRUE(becomes("dev-2", "3:invisible:1 "));
    gone(three);
    ASSERT_TRUE(becomes("dev-2", "3:enqueued:1 "));
    receive("dev-2", "four");
    EXPECT_TRUE(comes("four", "3,")) << text("four") << said;
    EXPECT_TRUE(becomes("dev-2", ""));
}

TEST_F(MessageWorld, NothingIsLostWhenTheBrokerIsKilled) {
    begin();
    auto one = receive("dev-1", "one", {"-c"});
    ::kill(one, SIGSTOP);
    send("dev-1", "flying");
    ASSERT_TRUE(becomes("dev-1", "flying:invisible:1 ")) << queue("dev-1") << said;
    const pid_t first = broker();
    ASSERT_GT(first, 0);
    ::kill(first, SIGKILL);
    send("dev-1", "waiting");
    gone(one);
    ASSERT_TRUE(eventually([this] { return said.find("\"broker_ended\"") != std::string::npos; })) << said;
    ASSERT_TRUE(eventually([this] { return publish("dev-2", "devices/dev-2/messages/events/", {"-m", "x"}).exit == 0; })) << said;
    receive("dev-1", "two", {"-c"});
    EXPECT_TRUE(comes("two", "flying,waiting,")) << text("two") << said;
    EXPECT_TRUE(becomes("dev-1", ""));
}

TEST_F(MessageWorld, NothingIsLostWhenBerthdIsKilled) {
    begin();
    EXPECT_EQ(curl(world->admin(), {"-X", "POST", "-H", "iothub-messageid: id-1", "--data-binary", "1"},
                   "/devices/dev-1/messages/deviceBound"),
              "201");
    const pid_t its_broker = broker();
    ::kill(world->server().pid(), SIGKILL);
    ASSERT_TRUE(eventually([its_broker] { return ::kill(its_broker, 0) != 0; }));
    // Its other broker may be on its way out still, and have its port.
    result<void> again;
    ASSERT_TRUE(eventually([&] {
        again = world->restart();
        return again.has_value();
    })) << again.error().message;
    EXPECT_EQ(queue("dev-1"), "1:enqueued:0 ");
    receive("dev-1", "one");
    EXPECT_TRUE(comes("one", "1,")) << text("one") << said;
    EXPECT_TRUE(becomes("dev-1", ""));
}

TEST_F(MessageWorld, WhileThePolicyOrTheDeviceIsShut) {
    begin();
    receive("dev-1", "one");
    EXPECT_EQ(hub({"policy", "set", "default", "--allow", "telemetry,twin"}).exit, 0);
    send("dev-1", "1");
    send("dev-2", "2");
    receive("dev-2", "two", {"-t", "$iothub/twin/res/#"});  // the queues were looked at by then
    EXPECT_EQ(came("one"), "");
    EXPECT_EQ(hub({"policy", "set", "default", "--allow", "all"}).exit, 0);
    EXPECT_TRUE(comes("one", "1,")) << text("one") << said;
    // A device that is disabled has its queue, and is not let in.
    EXPECT_EQ(hub({"device", "disable", "dev-1"}).exit, 0);
    send("dev-1", "3");
    EXPECT_EQ(hub({"device", "enable", "dev-1"}).exit, 0);
    EXPECT_TRUE(comes("one", "1,3,")) << "mosquitto_sub comes again by itself: " << text("one") << said;
    EXPECT_TRUE(becomes("dev-1", ""));
}

TEST_F(MessageWorld, TimeAndPurgesEndThem) {
    begin(false, "[admin]\nlisten = \"127.0.0.1:0\"\n");
    const auto in_a_moment = to_iso8601(system_clock().now() + 2);
    EXPECT_EQ(curl(world->admin(),
                   {"-X", "POST", "-H", "iothub-messageid: id-1", "-H", "iothub-ack: full", "-H", "iothub-expiry: " + in_a_moment,
                    "--data-binary", "1"},
                   "/devices/dev-1/messages/deviceBound"),
              "201");
    send("dev-2", "2", {"--ack", "negative"});
    send("dev-2", "3");
    EXPECT_TRUE(becomes("dev-1", "")) << said;
    EXPECT_EQ(feedback(), "1:Expired ");
    EXPECT_EQ(hub({"message", "purge", "dev-2"}).json().at("totalMessagesPurged").to_number<int>(), 2);
    EXPECT_EQ(feedback(), "1:Expired 2:Purged ");
    const auto metrics = [this] {
        return run_program("/usr/bin/curl", {"-sS", fmt::format("http://127.0.0.1:{}/metrics", world->at("admin").port)}).all();
    };
    EXPECT_TRUE(eventually([&] { return metrics().find("berth_hub_messages_total{event=\"expired\"} 1") != std::string::npos; }))
        << metrics();
    send("dev-1", "4");
    EXPECT_EQ(hub({"device", "delete", "dev-1"}).exit, 0);
    EXPECT_EQ(hub({"device", "add", "dev-1"}).exit, 0);
    EXPECT_EQ(queue("dev-1"), "");
}

}  // namespace
}  // namespace berth::test

// Azure's device SDK receives messages that were sent while it was there and before it came, over MQTT and HTTPS.
#include "../kept/kept_world.h"
#include "azure_kinds.h"

namespace berth::test {
namespace {

class AzureMessages : public Kept, public testing::WithParamInterface<azure_kind> {
protected:
    void SetUp() override {
        BERTH_SKIP_WITHOUT_AZURE();
        begin(GetParam().post_quantum);
    }
    [[nodiscard]] wire::json::object device_settings() const {
        const auto& who = holder("dev-1");
        return {{"deviceId", "dev-1"}, {"cert", who.chain.string()}, {"key", who.key.string()}};
    }
    js_program over_mqtt() {
        auto what = device_settings();
        what["host"] = world->at("mqtt").text();
        what["ca"] = world->server_root().string();
        what["listen"] = true;
        what["stay"] = true;
        return js_program::start(GetParam().node, "device", what, directory.path());
    }
    void send(const std::string& body, std::vector<std::string> more = {}) {
        more.insert(more.begin(), {"message", "send", "dev-1", "--body", body, "--id", "id " + body, "--ack", "full"});
        const auto sent = hub(more);
        EXPECT_EQ(sent.exit, 0) << sent.all();
    }
    [[nodiscard]] std::string queue() const { return hub({"message", "list", "dev-1"}).output.at(0); }
    [[nodiscard]] std::string feedback() const { return hub({"message", "feedback", "--keep"}).output.at(0); }
    static size_t count(const std::string& in, std::string_view what) {
        size_t out = 0;
        for (size_t at = in.find(what); at != std::string::npos; at = in.find(what, at + 1)) {
            ++out;
        }
        return out;
    }
};

TEST_P(AzureMessages, OverMqttWhileItIsThereAndBefore) {
    send("before");
    auto one = over_mqtt();
    ASSERT_TRUE(eventually([&] { return one.first("message").has_value(); }, 60'000)) << one.said() << said;
    EXPECT_EQ(one.first("message")->at("body").as_string(), "before");
    send("now", {"--property", "alert=yes & no", "--property", "site=Zürich", "--correlation-id", "c-1", "--content-type",
                 "text/plain", "--content-encoding", "utf-8"});
    ASSERT_TRUE(eventually([&] { return count(one.said(), "\"event\":\"message\"") == 2; }, 60'000)) << one.said() << said;
    for (const char* part : {R"("body":"now")", R"("id":"id now")", R"("correlation":"c-1")", R"("type":"text/plain")",
                             R"("encoding":"utf-8")", R"("to":"/devices/dev-1/messages/deviceBound")",
                             R"({"key":"alert","value":"yes & no"})", R"({"key":"site","value":"Zürich"})"}) {
        EXPECT_THAT(one.said(), testing::HasSubstr(part));
    }
    EXPECT_TRUE(eventually([this] { return queue() == "[]"; })) << queue() << said;
    EXPECT_EQ(count(feedback(), "\"statusCode\":\"Success\""), 2U) << feedback();
    EXPECT_EQ(count(one.said(), "\"event\":\"message\""), 2U) << one.said();
}

// The package's own connections know port 443 alone, and are turned to ours (receive.js).
TEST_P(AzureMessages, OverHttpsCompletedRejectedAbandoned) {
    send("first", {"--property", "alert=yes", "--correlation-id", "c-1"});
    send("second");
    auto what = device_settings();
    what["host"] = "localhost";
    what["port"] = world->at("https").port;
    what["then"] = wire::json::array{"abandon", "complete", "reject"};
    auto one = js_program::start(GetParam().node, "receive", what, directory.path(),
                                 {"NODE_EXTRA_CA_CERTS=" + world->server_root().string()});
    ASSERT_TRUE(eventually([&] { return count(one.said(), "\"event\":\"done\"") == 3 || one.first("refused"); }, 60'000))
        << one.said() << said;
    EXPECT_EQ(one.end(), 0) << one.said();
    EXPECT_EQ(one.first("message")->at("body").as_string(), "first");
    EXPECT_EQ(one.first("message")->at("correlation").as_string(), "c-1");
    EXPECT_THAT(one.said(), testing::HasSubstr(R"({"key":"iothub-app-alert","value":"yes"})"));
    EXPECT_EQ(queue(), "[]");
    EXPECT_EQ(count(feedback(), "\"statusCode\":\"Success\""), 1U) << feedback();
    EXPECT_EQ(count(feedback(), "\"statusCode\":\"Rejected\""), 1U) << feedback();
}

INSTANTIATE_TEST_SUITE_P(On, AzureMessages, testing::ValuesIn(azure_kinds), name_of_kind);

}  // namespace
}  // namespace berth::test

// Azure's device SDK at our hub over WebSockets, as it comes: its MqttWs. By ECDSA on Node 20, and by nothing but post-quantum
// cryptography on Node 24.
#include "../kept/kept_world.h"
#include "azure_kinds.h"

namespace berth::test {
namespace {

class AzureWebsockets : public Kept, public testing::WithParamInterface<azure_kind> {
protected:
    void SetUp() override {
        BERTH_SKIP_WITHOUT_AZURE();
        begin(GetParam().post_quantum);
    }
    // As `name`, by the certificate of `whose`.
    js_program device(const std::string& name, const std::string& whose, wire::json::object more = {}) {
        const auto& who = holder(whose);
        more["host"] = "localhost";
        more["port"] = world->at("https").port;
        more["deviceId"] = name;
        more["ca"] = world->server_root().string();
        more["cert"] = who.chain.string();
        more["key"] = who.key.string();
        return js_program::start(GetParam().node, "device", more, directory.path());
    }
    bool says(const js_program& one, const char* event) {
        return eventually([&] { return one.first(event).has_value() || one.first("refused").has_value(); }, 60'000) &&
               one.first(event).has_value();
    }
};

TEST_P(AzureWebsockets, SendsTelemetryAndHasATwin) {
    EXPECT_EQ(hub({"twin", "set", "dev-1", "--desired", R"({"rate":5})"}).exit, 0);
    listen_to_all();
    auto one = device("dev-1", "dev-1",
                      {{"report", {{"firmware", "1.2"}}},
                       {"messages",
                        {{{"body", "{\"level\":7}"}, {"type", "application/json"}, {"properties", {{"site", "Zürich"}}}},
                         {{"body", std::string(200'000, 'x')}},
                         {{"body", "the last"}}}},
                       {"stay", true}});
    ASSERT_TRUE(says(one, "reported")) << one.said() << said;
    EXPECT_TRUE(eventually([this] { return text("heard").find("the last") != std::string::npos; }, 60'000)) << one.said() << said;
    EXPECT_THAT(text("heard"), testing::HasSubstr("site=Z%C3%BCrich"));
    EXPECT_THAT(one.said(), testing::HasSubstr("\"rate\":5"));
    EXPECT_EQ(hub({"twin", "set", "dev-1", "--desired", R"({"rate":6})"}).exit, 0);
    EXPECT_TRUE(eventually([&] { return one.said().find("\"rate\":6") != std::string::npos; })) << one.said() << said;
}

TEST_P(AzureWebsockets, TakesMessagesAndIsCalled) {
    auto one = device("dev-1", "dev-1",
                      {{"listen", true}, {"methods", {{"reboot", {{"status", 200}, {"payload", "soon"}}}}}, {"stay", true}});
    ASSERT_TRUE(says(one, "listens")) << one.said() << said;
    EXPECT_EQ(hub({"message", "send", "dev-1", "--body", "hello", "--ack", "full"}).exit, 0);
    ASSERT_TRUE(says(one, "message")) << one.said() << said;
    EXPECT_EQ(one.first("message")->at("body").as_string(), "hello");
    // berthd, which passes its octets on, has told the broker that it was acknowledged.
    EXPECT_TRUE(eventually([this] { return hub({"message", "list", "dev-1"}).output.at(0) == "[]"; }))
        << hub({"message", "list", "dev-1"}).all() << said;
    EXPECT_THAT(hub({"message", "feedback"}).all(), testing::HasSubstr("\"statusCode\":\"Success\""));
    const auto called = hub({"method", "call", "dev-1", "reboot", "--connect-timeout", "20"});
    EXPECT_EQ(called.exit, 0) << called.all() << one.said();
    EXPECT_THAT(called.all(), testing::HasSubstr(R"({"status":200,"payload":"soon"})"));
}

TEST_P(AzureWebsockets, IsRefusedUnderAnothersName) {
    auto one = device("dev-2", "dev-1");
    EXPECT_FALSE(says(one, "connected")) << one.said();
    const auto why = one.first("refused");
    ASSERT_TRUE(why) << one.said() << said;
    EXPECT_EQ(why->at("name").as_string(), "UnauthorizedError") << one.said();
    EXPECT_TRUE(eventually([this] { return said.find("name_mismatch") != std::string::npos; })) << said;
}

// Whether a key or a certificate, what the registry says is how one logs in.
class AzureWebsocketKeys : public Kept {
protected:
    void SetUp() override {
        BERTH_SKIP_WITHOUT_AZURE();
        shared_keys = true;
        begin();
        EXPECT_EQ(hub({"set", "--device-sas", "on"}).exit, 0);
        EXPECT_EQ(hub({"device", "add", "keyed", "--login", "sas"}).exit, 0);
    }
    js_program device(const std::string& name, const std::string& key) {
        return js_program::start(node_20, "device",
                                 {{"host", "localhost"},
                                  {"port", world->at("https").port},
                                  {"deviceId", name},
                                  {"ca", world->server_root().string()},
                                  {"sharedKey", key},
                                  {"stay", true}},
                                 directory.path());
    }
    std::string outcome(const js_program& one) {
        EXPECT_TRUE(eventually([&] { return one.first("connected") || one.first("refused"); }, 60'000)) << one.said() << said;
        return one.first("connected") ? "in" : "refused";
    }
};

TEST_F(AzureWebsocketKeys, AreTakenWhereTheHubTakesThem) {
    const auto shown = hub({"device", "show", "--keys", "keyed"}).json();
    const std::string key(shown.at("authentication").at("symmetricKey").at("primaryKey").as_string());
    EXPECT_EQ(hub({"set", "--device-sas", "off"}).exit, 0);
    EXPECT_EQ(outcome(device("keyed", key)), "refused");
    EXPECT_TRUE(eventually([this] { return said.find("shared_keys_off") != std::string::npos; })) << said;
    EXPECT_EQ(hub({"set", "--device-sas", "on"}).exit, 0);
    EXPECT_EQ(outcome(device("keyed", std::string(43, 'A') + "=")), "refused");
    EXPECT_TRUE(eventually([this] { return said.find("\"bad_token\"") != std::string::npos; })) << said;
    auto in = device("keyed", key);
    EXPECT_EQ(outcome(in), "in") << said;
    EXPECT_EQ(outcome(device("dev-1", key)), "refused") << "another's, who logs in by certificate";
    EXPECT_EQ(hub({"device", "rotate-key", "keyed", "primary"}).exit, 0);
    EXPECT_TRUE(eventually([this] { return said.find("session_cut") != std::string::npos; })) << said;
}

TEST_P(AzureWebsockets, IsCutWhenItIsDisabledAndComesBackWhenItIsEnabled) {
    auto one = device("dev-1", "dev-1", {{"listen", true}, {"stay", true}});
    ASSERT_TRUE(says(one, "connected")) << one.said() << said;
    EXPECT_EQ(hub({"device", "disable", "dev-1"}).exit, 0);
    EXPECT_TRUE(eventually([this] { return said.find("session_cut") != std::string::npos; })) << said;
    EXPECT_TRUE(eventually([this] { return said.find("\"reason\":\"disabled\"") != std::string::npos; }, 60'000))
        << said << one.said();
    EXPECT_EQ(hub({"device", "enable", "dev-1"}).exit, 0);
    auto again = device("dev-1", "dev-1", {{"messages", {{{"body", "back"}}}}});
    EXPECT_TRUE(says(again, "sent")) << again.said() << said;
}

// Modules have keys, for the SDK knows nothing else for them.
class AzureWebsocketModules : public Kept, public testing::WithParamInterface<azure_kind> {
protected:
    void SetUp() override {
        BERTH_SKIP_WITHOUT_AZURE();
        shared_keys = true;
        begin(GetParam().post_quantum);
        EXPECT_EQ(hub({"set", "--module-sas", "on"}).exit, 0);
        EXPECT_EQ(hub({"device", "add", "dev-1/filter", "--login", "sas"}).exit, 0);
    }
    [[nodiscard]] std::string key() const {
        return std::string(hub({"device", "show", "--keys", "dev-1/filter"})
                               .json()
                               .at("authentication")
                               .at("symmetricKey")
                               .at("primaryKey")
                               .as_string());
    }
    js_program module(const std::string& key, wire::json::object more = {}) {
        more["host"] = "localhost";
        more["port"] = world->at("https").port;
        more["deviceId"] = "dev-1";
        more["moduleId"] = "filter";
        more["ca"] = world->server_root().string();
        more["sharedKey"] = key;
        return js_program::start(GetParam().node, "device", more, directory.path());
    }
    bool says(const js_program& one, const char* event) {
        return eventually([&] { return one.first(event).has_value() || one.first("refused").has_value(); }, 60'000) &&
               one.first(event).has_value();
    }
};

TEST_P(AzureWebsocketModules, SendsHasATwinAndIsCalled) {
    EXPECT_EQ(hub({"twin", "set", "dev-1/filter", "--desired", R"({"rate":5})"}).exit, 0);
    listen_to_all();
    auto one = module(key(), {{"report", {{"firmware", "1.2"}}},
                              {"methods", {{"reset", {{"status", 201}, {"payload", "soon"}}}}},
                              {"messages", {{{"body", "of the module"}, {"properties", {{"site", "Zürich"}}}}}},
                              {"stay", true}});
    ASSERT_TRUE(says(one, "sent")) << one.said() << said;
    EXPECT_TRUE(eventually([this] {
        return text("heard").find("devices/dev-1/modules/filter/messages/events/site=Z%C3%BCrich of the module") !=
               std::string::npos;
    })) << text("heard");
    EXPECT_THAT(one.said(), testing::HasSubstr("\"rate\":5"));
    EXPECT_THAT(hub({"twin", "show", "dev-1/filter"}).all(), testing::HasSubstr(R"("firmware":"1.2")"));
    EXPECT_EQ(hub({"twin", "set", "dev-1/filter", "--desired", R"({"rate":6})"}).exit, 0);
    EXPECT_TRUE(eventually([&] { return one.said().find("\"rate\":6") != std::string::npos; })) << one.said() << said;
    const auto called = hub({"method", "call", "dev-1/filter", "reset", "--connect-timeout", "20"});
    EXPECT_THAT(called.all(), testing::HasSubstr(R"({"status":201,"payload":"soon"})")) << one.said();
}

TEST_P(AzureWebsocketModules, IsCutAndRefusedWhereItMayNot) {
    auto wrong = module(std::string(43, 'A') + "=");
    EXPECT_FALSE(says(wrong, "connected")) << wrong.said();
    EXPECT_TRUE(eventually([this] { return said.find("\"bad_token\"") != std::string::npos; })) << said;
    const std::string before = key();
    auto one = module(before, {{"stay", true}});
    ASSERT_TRUE(says(one, "connected")) << one.said() << said;
    EXPECT_EQ(hub({"set", "--module-sas", "off"}).exit, 0);
    EXPECT_TRUE(eventually([this] { return said.find("session_cut") != std::string::npos; })) << said;
    auto off = module(before);
    ASSERT_FALSE(says(off, "connected")) << off.said();
    EXPECT_EQ(off.first("refused")->at("name").as_string(), "UnauthorizedError") << off.said();
    EXPECT_EQ(hub({"set", "--module-sas", "on"}).exit, 0);
    EXPECT_EQ(hub({"device", "disable", "dev-1"}).exit, 0);
    auto below = module(before);
    EXPECT_FALSE(says(below, "connected")) << "it goes with its device";
    EXPECT_TRUE(eventually([this] { return said.find("\"device_disabled\"") != std::string::npos; })) << said;
    EXPECT_EQ(hub({"device", "enable", "dev-1"}).exit, 0);
    auto again = module(before, {{"messages", {{{"body", "back"}}}}});
    EXPECT_TRUE(says(again, "sent")) << again.said() << said;
}

INSTANTIATE_TEST_SUITE_P(By, AzureWebsocketModules, testing::ValuesIn(azure_kinds), name_of_kind);
INSTANTIATE_TEST_SUITE_P(By, AzureWebsockets, testing::ValuesIn(azure_kinds), name_of_kind);

}  // namespace
}  // namespace berth::test

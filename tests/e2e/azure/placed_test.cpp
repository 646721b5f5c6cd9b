// Azure's provisioning SDK asks where a device belongs, over MQTT and HTTPS, and its device SDK goes there. The same by ECDSA,
// and by nothing but post-quantum cryptography.
#include "../kept/kept_world.h"
#include "azure_kinds.h"

namespace berth::test {
namespace {

struct placed_kind {
    const char* name;
    azure_kind by;
    const char* over;
};
void PrintTo(const placed_kind& one, std::ostream* out) {
    *out << one.name;
}
constexpr placed_kind kinds[] = {{"EcdsaMqtt", by_ecdsa, "mqtt"},
                                 {"EcdsaHttps", by_ecdsa, "http"},
                                 {"PostQuantumMqtt", by_post_quantum, "mqtt"},
                                 {"PostQuantumHttps", by_post_quantum, "http"}};

class AzurePlaced : public Kept, public testing::WithParamInterface<placed_kind> {
protected:
    void SetUp() override {
        BERTH_SKIP_WITHOUT_AZURE();
        begin(GetParam().by.post_quantum);
    }
    // As `name`, by the certificate of `whose`.
    js_program registering(const std::string& name, const std::string& whose) {
        const auto& who = holder(whose);
        wire::json::object what{{"idScope", app::hub_world::id_scope},
                                {"registrationId", name},
                                {"cert", who.chain.string()},
                                {"key", who.key.string()},
                                {"over", GetParam().over}};
        if (GetParam().over == std::string("http")) {
            what["host"] = "localhost";
            what["port"] = world->at("https").port;
        } else {
            what["host"] = world->at("provisioning").text();
        }
        // It takes no CA from its caller.
        return js_program::start(GetParam().by.node, "register", what, directory.path(),
                                 {"NODE_EXTRA_CA_CERTS=" + world->server_root().string()});
    }
};

TEST_P(AzurePlaced, ADeviceIsToldItsHubAndGoesThere) {
    listen_to_all();
    auto asks = registering("dev-3", "dev-3");
    EXPECT_TRUE(eventually([&] { return asks.first("registered") || asks.first("refused"); }, 60'000)) << asks.said() << said;
    const auto told = asks.first("registered");
    ASSERT_TRUE(told) << asks.said() << said;
    const auto& state = told->at("state").as_object();
    EXPECT_EQ(state.at("status").as_string(), "assigned");
    EXPECT_EQ(state.at("deviceId").as_string(), "dev-3");
    EXPECT_EQ(std::string(state.at("assignedHub").as_string()), world->at("mqtt").text());
    const auto& who = holder("dev-3");
    auto goes = js_program::start(GetParam().by.node, "device",
                                  {{"host", state.at("assignedHub")},
                                   {"deviceId", state.at("deviceId")},
                                   {"ca", world->server_root().string()},
                                   {"cert", who.chain.string()},
                                   {"key", who.key.string()},
                                   {"messages", wire::json::array{{{"body", "I was placed"}}}}},
                                  directory.path());
    EXPECT_TRUE(eventually([&] { return goes.first("closed") || goes.first("refused"); }, 60'000)) << goes.said() << said;
    EXPECT_TRUE(goes.first("sent")) << goes.said() << said;
    EXPECT_TRUE(eventually([this] {
        return text("heard").find("devices/dev-3/messages/events/ I was placed") != std::string::npos;
    })) << text("heard");
}

// How it was placed makes no difference.
class AzureTwin : public AzurePlaced {};
TEST_P(AzureTwin, IsReadReportedAndWished) {
    EXPECT_EQ(hub({"twin", "set", "dev-1", "--desired", R"({"rate":5,"net":{"dns":"::1"}})", "--tags", R"({"site":"x"})"}).exit,
              0);
    const auto& who = holder("dev-1");
    auto one = js_program::start(GetParam().by.node, "device",
                                 {{"host", world->at("mqtt").text()},
                                  {"deviceId", "dev-1"},
                                  {"ca", world->server_root().string()},
                                  {"cert", who.chain.string()},
                                  {"key", who.key.string()},
                                  {"report", {{"firmware", "1.2"}, {"battery", {{"level", 7}}}}},
                                  {"stay", true}},
                                 directory.path());
    EXPECT_TRUE(eventually([&] { return one.first("reported") || one.first("refused"); }, 60'000)) << one.said() << said;
    ASSERT_TRUE(one.first("reported")) << one.said() << said;
    EXPECT_THAT(one.said(), testing::HasSubstr(R"("rate":5,"net":{"dns":"::1"},"$version":2)"));
    const auto shown = hub({"twin", "show", "dev-1", "--json"});
    EXPECT_THAT(shown.all(), testing::HasSubstr(R"("firmware":"1.2","battery":{"level":7})"));
    // Whoever changes it, the device is told; what it is not told stays as it was.
    EXPECT_EQ(hub({"twin", "set", "dev-1", "--desired", R"({"net":{"dns":null},"mode":"on"})"}).exit, 0);
    EXPECT_TRUE(eventually([&] {
        return one.said().find(R"("whole":{"rate":5,"net":{},"$version":3,"mode":"on"})") != std::string::npos;
    })) << one.said()
        << said;
}

TEST_P(AzurePlaced, NotUnderAnothersName) {
    auto asks = registering("dev-9", "dev-3");
    EXPECT_TRUE(eventually([&] { return asks.first("registered") || asks.first("refused"); }, 60'000)) << asks.said() << said;
    EXPECT_FALSE(asks.first("registered"));
    const auto why = asks.first("refused");
    ASSERT_TRUE(why) << asks.said();
    // Over MQTT it hands on what its MQTT library says of CONNACK 5.
    const bool over_mqtt = GetParam().over == std::string("mqtt");
    EXPECT_THAT(asks.said(),
                testing::HasSubstr(over_mqtt ? "Connection refused: Not authorized" : "\"name\":\"UnauthorizedError\""));
}

INSTANTIATE_TEST_SUITE_P(By, AzureTwin, testing::Values(kinds[0], kinds[2]), name_of_kind);
INSTANTIATE_TEST_SUITE_P(By, AzurePlaced, testing::ValuesIn(kinds), name_of_kind);

}  // namespace
}  // namespace berth::test

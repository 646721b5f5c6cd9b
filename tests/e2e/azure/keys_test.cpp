// Azure's SDK by shared keys: devices, and modules, for which it knows nothing else.
#include "azure_world.h"

namespace berth::test {
namespace {

class AzureKeys : public AzureWorld {
protected:
    AzureKeys() { require_certificate = false; }
    void SetUp() override {
        AzureWorld::SetUp();
        if (IsSkipped()) {
            return;
        }
        start();
        done({"set", "--device-sas", "on", "--module-sas", "on", "--host-name", "localhost"});
        done({"device", "add", "dev1", "--login", "sas"});
        done({"device", "add", "dev1/mod1", "--login", "sas"});
    }
};

TEST_F(AzureKeys, DevicesAndModulesSendTelemetry) {
    const pid_t listener = listen_to_all();
    for (const auto& node : {node_20, node_24}) {
        for (const std::string name : {"dev1", "dev1/mod1"}) {
            const std::string body = fmt::format("{} of {}", name, node.directory);
            auto one = keyed(node, name, {{"messages", wire::json::array{{{"body", body}, {"properties", {{"alert", "yes"}}}}}}});
            EXPECT_EQ(one.end(), 0) << one.said() << log();
            EXPECT_TRUE(one.first("closed")) << one.said();
            ASSERT_TRUE(eventually([&] { return heard().find(body) != std::string::npos; })) << heard() << log();
        }
    }
    EXPECT_THAT(heard(), testing::HasSubstr("devices/dev1/messages/events/alert=yes dev1 of node-20"));
    EXPECT_THAT(heard(), testing::HasSubstr("devices/dev1/modules/mod1/messages/events/alert=yes dev1/mod1 of node-24"));
    ::kill(listener, SIGKILL);
    (void)exit_of(listener);
}

TEST_F(AzureKeys, AreRefusedWhenTheHubTakesNone) {
    auto stays = keyed(node_20, "dev1/mod1", {{"listen", true}, {"stay", true}});
    ASSERT_EQ(refusal_of(stays), "in") << log();
    const size_t from = log().size();
    done({"set", "--module-sas", "off"});
    ASSERT_TRUE(eventually([&] { return says("\"session_cut\"", from); })) << log();
    EXPECT_EQ(refusal_of(keyed(node_20, "dev1/mod1")), "UnauthorizedError");
    EXPECT_EQ(refusal_of(keyed(node_20, "dev1")), "in") << "devices may";
    // By a key that is no more.
    const auto before = done({"device", "show", "--keys", "dev1"}).at("authentication").at("symmetricKey").at("primaryKey");
    done({"device", "rotate-key", "dev1", "primary"});
    const auto fresh = done({"device", "show", "--keys", "dev1"}).at("authentication").at("symmetricKey").at("primaryKey");
    EXPECT_NE(before, fresh);
    EXPECT_EQ(refusal_of(run_js(node_20, "device", {{"deviceId", "dev1"}, {"sharedKey", before}})), "UnauthorizedError");
    EXPECT_EQ(refusal_of(keyed(node_20, "dev1")), "in");
}

}  // namespace
}  // namespace berth::test

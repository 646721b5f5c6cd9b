// Azure's device SDK sends over HTTPS, and back ends read it as they read what comes over MQTT.
#include "../kept/kept_world.h"
#include "azure_kinds.h"

namespace berth::test {
namespace {

using testing::HasSubstr;

class AzureTelemetry : public Kept, public testing::WithParamInterface<azure_kind> {
protected:
    void SetUp() override {
        BERTH_SKIP_WITHOUT_AZURE();
        begin(GetParam().post_quantum, fmt::format("[[hub.telemetry]]\nname = \"archive\"\nfile = \"{}\"\n", at("archive")));
    }
    js_program sender(const std::string& name, const std::string& whose) {
        const auto& who = holder(whose);
        return js_program::start(GetParam().node, "send",
                                 {{"host", "localhost"},
                                  {"port", world->at("https").port},
                                  {"deviceId", name},
                                  {"cert", who.chain.string()},
                                  {"key", who.key.string()}},
                                 directory.path(), {"NODE_EXTRA_CA_CERTS=" + world->server_root().string()});
    }
};

TEST_P(AzureTelemetry, OverHttpsAloneAndTogether) {
    listen_to_all();
    auto one = sender("dev-1", "dev-1");
    ASSERT_TRUE(eventually([&] { return one.first("ended") || one.first("refused"); }, 60'000)) << one.said() << said;
    EXPECT_EQ(one.end(), 0) << one.said();
    ASSERT_TRUE(eventually([this] { return text("archive").find("north") != std::string::npos; })) << text("archive") << said;
    EXPECT_THAT(text("archive"),
                testing::AllOf(HasSubstr(R"("deviceId":"dev-1","moduleId":"","systemProperties":{"messageId":"m-1",)"
                                         R"("contentType":"application/json","contentEncoding":"utf-8"},)"
                                         R"("properties":{"alert":"yes & no"},"body":{"level":7}})"),
                               HasSubstr(R"("properties":{},"bodyBase64":"YQ==")"),
                               HasSubstr(R"("properties":{"site":"north"},"bodyBase64":"Yg==")")));
    EXPECT_THAT(text("heard"), HasSubstr("devices/dev-1/messages/events/site=north b")) << "at the broker, too";
}

TEST_P(AzureTelemetry, NotUnderAnothersName) {
    auto one = sender("dev-2", "dev-1");
    EXPECT_EQ(one.end(), 3) << one.said();
    EXPECT_EQ(one.first("refused")->at("name").as_string(), "UnauthorizedError") << one.said();
    EXPECT_EQ(text("archive"), "");
}

INSTANTIATE_TEST_SUITE_P(On, AzureTelemetry, testing::ValuesIn(azure_kinds), name_of_kind);

}  // namespace
}  // namespace berth::test

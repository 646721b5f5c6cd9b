// Direct methods from Azure's service SDK to its device SDK: by ECDSA, and by nothing but post-quantum cryptography.
#include "../kept/kept_world.h"
#include "azure_kinds.h"

namespace berth::test {
namespace {

class AzureMethods : public Kept, public testing::WithParamInterface<azure_kind> {
protected:
    void SetUp() override {
        BERTH_SKIP_WITHOUT_AZURE();
        begin(GetParam().post_quantum, {}, true);
    }
    js_program device(const std::string& name, wire::json::object methods) {
        const auto& who = holder(name);
        return js_program::start(GetParam().node, "device",
                                 {{"host", fmt::format("localhost:{}", world->at("mqtt").port)},
                                  {"ca", world->server_root().string()},
                                  {"deviceId", name},
                                  {"cert", who.chain.string()},
                                  {"key", who.key.string()},
                                  {"methods", std::move(methods)},
                                  {"stay", true}},
                                 directory.path());
    }
    js_program back_end(wire::json::array calls) {
        EXPECT_EQ(hub({"access-policy", "add", "caller", "--rights", "serviceConnect"}).exit, 0);
        const auto shown = hub({"access-policy", "show", "caller", "--show-keys", "--host", "localhost"});
        wire::json::object what{{"connectionString", shown.json().at("primaryConnectionString")},
                                {"port", world->at("https").port},
                                {"calls", std::move(calls)}};
        return js_program::start(GetParam().node, "methods", what, directory.path(),
                                 {"NODE_EXTRA_CA_CERTS=" + world->server_root().string()});
    }
};

TEST_P(AzureMethods, AreCalledAndAnswered) {
    auto one = device("dev-1", {{"reboot", {{"status", 200}, {"payload", {{"after", "5 s"}}}}}, {"lock", {{"status", 423}}}});
    const auto call = [](const char* device, const char* method, wire::json::value payload) {
        return wire::json::object{{"deviceId", device},
                                  {"parameters", wire::json::object{{"methodName", method},
                                                                    {"payload", std::move(payload)},
                                                                    {"responseTimeoutInSeconds", 20},
                                                                    {"connectTimeoutInSeconds", 20}}}};
    };
    wire::json::array calls{call("dev-1", "reboot", {{"why", "Zürich & \"all\""}}), call("dev-1", "lock", nullptr)};
    calls.push_back(wire::json::object{{"deviceId", "dev-2"}, {"parameters", {{"methodName", "reboot"}}}});
    calls.push_back(wire::json::object{{"deviceId", "nobody"}, {"parameters", {{"methodName", "reboot"}}}});
    auto other = back_end(std::move(calls));
    ASSERT_TRUE(eventually([&] { return other.first("ended") || other.first("refused"); }, 60'000))
        << other.said() << one.said() << said;
    std::vector<std::string> told;
    std::istringstream lines(other.said());
    for (std::string line; std::getline(lines, line);) {
        const auto object = wire::parse_json_object(line);
        if (object && object->at("event") == "called") {
            told.push_back(object->contains("result") ? wire::to_text(object->at("result")) : wire::to_text(object->at("error")));
        }
    }
    const std::vector<std::string> expected{R"({"status":200,"payload":{"after":"5 s"}})", R"({"status":423,"payload":null})",
                                            R"("Error")", R"("DeviceNotFoundError")"};
    EXPECT_EQ(told, expected) << other.said();
    EXPECT_THAT(other.said(), testing::HasSubstr("DeviceNotOnline")) << "of which the SDK knows no name";
    const auto heard = one.first("method");
    ASSERT_TRUE(heard) << one.said();
    EXPECT_EQ(heard->at("name").as_string(), "reboot");
    EXPECT_EQ(heard->at("payload").at("why").as_string(), "Zürich & \"all\"");
}

INSTANTIATE_TEST_SUITE_P(By, AzureMethods, testing::ValuesIn(azure_kinds), name_of_kind);

}  // namespace
}  // namespace berth::test

// Azure's service SDK manages the hub's registry: devices one by one and many at once, modules, statistics. By ECDSA, and by
// nothing but post-quantum cryptography.
#include "../kept/kept_world.h"
#include "azure_kinds.h"

namespace berth::test {
namespace {

using testing::HasSubstr;

class AzureRegistry : public Kept, public testing::WithParamInterface<azure_kind> {
protected:
    void SetUp() override {
        BERTH_SKIP_WITHOUT_AZURE();
        begin(GetParam().post_quantum, {}, true);
    }
    [[nodiscard]] std::string connection_string(const std::string& policy, const std::string& rights) const {
        EXPECT_EQ(hub({"access-policy", "add", policy, "--rights", rights}).exit, 0);
        const auto shown = hub({"access-policy", "show", policy, "--show-keys", "--host", "localhost"});
        EXPECT_EQ(shown.exit, 0) << shown.all();
        return std::string(shown.json().at("primaryConnectionString").as_string());
    }
    js_program managing(const std::string& connection) {
        wire::json::object what{{"connectionString", connection}, {"port", world->at("https").port}};
        if (GetParam().post_quantum) {
            what["groups"] = "X25519MLKEM768";
        }
        auto out = js_program::start(GetParam().node, "registry", what, directory.path(),
                                     {"NODE_EXTRA_CA_CERTS=" + world->server_root().string()});
        EXPECT_TRUE(eventually([&] { return out.first("ended") || out.first("refused"); }, 60'000)) << out.said() << said;
        return out;
    }
    // How the SDK calls what it was refused with; "" if it was not.
    static std::string error_of(const js_program& by, const char* step) {
        const auto told = by.first(step);
        EXPECT_TRUE(told) << step << "\n" << by.said();
        return told && told->contains("error") ? got(wire::text_member(*told, "error")) : "";
    }
    static wire::json::value told(const js_program& by, const char* step) {
        const auto one = by.first(step);
        EXPECT_TRUE(one && one->contains("told")) << step << "\n" << by.said();
        return one && one->contains("told") ? one->at("told") : wire::json::value();
    }
};

TEST_P(AzureRegistry, DevicesAndModulesAreManaged) {
    const auto sdk = managing(connection_string("back-end", "registryRead,registryWrite"));
    for (const char* step :
         {"created", "created by thumbprint", "got", "updated", "bulk added", "bulk updated", "bulk removed", "listed",
          "module added", "module got", "modules listed", "module updated", "module removed", "statistics", "deleted"}) {
        EXPECT_EQ(error_of(sdk, step), "") << step << "\n" << sdk.said();
    }
    EXPECT_EQ(error_of(sdk, "created again"), "DeviceAlreadyExistsError");
    EXPECT_EQ(error_of(sdk, "created without a way to log in"), "ArgumentError");
    EXPECT_THAT(sdk.said(), HasSubstr("shared_keys_refused"));
    EXPECT_EQ(error_of(sdk, "got what is not there"), "DeviceNotFoundError");
    EXPECT_EQ(error_of(sdk, "module updated too late"), "InvalidEtagError");
    EXPECT_EQ(error_of(sdk, "deleted again"), "DeviceNotFoundError");
    EXPECT_EQ(told(sdk, "updated").at("status").as_string(), "disabled");
    EXPECT_EQ(told(sdk, "updated").at("statusReason").as_string(), "lost");
    EXPECT_EQ(told(sdk, "modules listed").as_array().size(), 1U);
    EXPECT_FALSE(told(sdk, "bulk added again").at("isSuccessful").as_bool());
    EXPECT_EQ(told(sdk, "bulk added again").at("errors").as_array().size(), 3U);
    EXPECT_THAT(wire::to_text(told(sdk, "listed")), HasSubstr("bulk-c"));
    EXPECT_THAT(wire::to_text(told(sdk, "listed")), testing::Not(HasSubstr("bulk-a")));
    // dev-1, dev-2, sdk-1, sdk-2, bulk-c; of which sdk-1 and bulk-c are disabled.
    EXPECT_EQ(told(sdk, "statistics").at("totalDeviceCount").to_number<int>(), 5);
    EXPECT_EQ(told(sdk, "statistics").at("disabledDeviceCount").to_number<int>(), 2);
    // And so it stands in the registry.
    EXPECT_EQ(hub({"device", "show", "sdk-1"}).error_name(), "unknown_identity");
    EXPECT_EQ(hub({"device", "show", "bulk-c"}).json().at("status").as_string(), "disabled");
    EXPECT_THAT(hub({"device", "show", "sdk-2"}).all(), testing::HasSubstr("selfSigned"));
}

TEST_P(AzureRegistry, WhoMayOnlyReadChangesNothing) {
    const auto sdk = managing(connection_string("reader", "registryRead"));
    for (const char* step : {"created", "bulk added", "module added", "deleted"}) {
        EXPECT_EQ(error_of(sdk, step), "UnauthorizedError") << sdk.said();
    }
    EXPECT_EQ(error_of(sdk, "listed"), "");
    EXPECT_EQ(told(sdk, "statistics").at("totalDeviceCount").to_number<int>(), 2);
}

TEST_P(AzureRegistry, AKeyThatWasReplacedIsNobodys) {
    const std::string connection = connection_string("back-end", "registryRead,registryWrite");
    ASSERT_EQ(hub({"access-policy", "rotate", "back-end", "--which", "primary"}).exit, 0);
    const auto sdk = managing(connection);
    EXPECT_EQ(error_of(sdk, "created"), "UnauthorizedError") << sdk.said();
    EXPECT_EQ(error_of(sdk, "listed"), "UnauthorizedError");
}

INSTANTIATE_TEST_SUITE_P(By, AzureRegistry, testing::ValuesIn(azure_kinds), name_of_kind);

}  // namespace
}  // namespace berth::test

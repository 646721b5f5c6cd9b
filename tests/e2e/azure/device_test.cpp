// Azure's device SDK for Node.js at our hub over MQTT: with ECDSA on Node 20, and with nothing but post-quantum cryptography on
// Node 24. The same tests for both.
#include "azure_kinds.h"
#include "azure_world.h"

namespace berth::test {
namespace {

constexpr const char* p256 = "ec -pkeyopt ec_paramgen_curve:P-256";

class AzureDevice : public AzureWorld, public testing::WithParamInterface<azure_kind> {
protected:
    AzureDevice() { server_key = key(); }
    void SetUp() override {
        AzureWorld::SetUp();
        if (IsSkipped()) {
            return;
        }
        make_ca("makers", key());
        make_issuer("plant", "makers", key());
        done({"ca", "register", at("makers.pem"), "--key", at("makers.key")});
        start(GetParam().post_quantum ? "plugin_opt_groups X25519MLKEM768" : "");
        done({"device", "add", "dev1"});
        done({"device", "add", "dev2"});
        certify_below("dev1", "dev1", "plant", key());
    }
    // Of the CAs, the broker and the devices.
    static const char* key() { return GetParam().post_quantum ? "ML-DSA-65" : p256; }
    [[nodiscard]] const node_version& node() const { return GetParam().node; }
    void expect_refused(const std::string& reason, size_t from) {
        EXPECT_TRUE(eventually([&] { return says("\"reason\":\"" + reason + "\"", from); })) << log().substr(from);
    }
};

TEST_P(AzureDevice, SendsTelemetryThatBackEndsRead) {
    const pid_t listener = listen_to_all();
    auto one = device(node(), "dev1", "dev1",
                      {{"messages",
                        {{{"body", "{\"level\":7}"},
                          {"type", "application/json"},
                          {"encoding", "utf-8"},
                          {"id", "m-1"},
                          {"properties", {{"alert", "yes & no"}, {"site", "Zürich"}}}},
                         {{"body", "plain"}}}}});
    EXPECT_EQ(one.end(), 0) << one.said() << log();
    const auto in = one.first("connected");
    ASSERT_TRUE(in) << one.said();
    EXPECT_THAT(std::string(in->at("openssl").as_string()), testing::StartsWith(node().openssl));
    EXPECT_TRUE(one.first("closed")) << one.said();
    ASSERT_TRUE(eventually([this] { return heard().find("plain") != std::string::npos; })) << heard() << log();
    EXPECT_EQ(heard().find("devices/dev1/messages/events/"), 0) << heard();
    for (const char* part : {"%24.mid=m-1", "%24.ct=application%2Fjson", "%24.ce=utf-8", "alert=yes%20%26%20no",
                             "site=Z%C3%BCrich", " {\"level\":7}\n", "devices/dev1/messages/events/ plain"}) {
        EXPECT_THAT(heard(), testing::HasSubstr(part));
    }
    ::kill(listener, SIGKILL);
    (void)exit_of(listener);
}

TEST_P(AzureDevice, IsRefusedUnderAnothersName) {
    const size_t from = log().size();
    EXPECT_EQ(refusal(node(), "dev2", "dev1"), "UnauthorizedError");
    expect_refused("name_mismatch", from);
    EXPECT_EQ(refusal(node(), "unknown", "dev1"), "UnauthorizedError");
    expect_refused("unknown_identity", from);
}

TEST_P(AzureDevice, IsRefusedBelowAForeignRoot) {
    make_ca("stranger", key());
    certify_below("foreign", "dev1", "stranger", key());
    const size_t from = log().size();
    EXPECT_THAT(refusal(node(), "dev1", "foreign"), testing::AllOf(testing::Ne("in"), testing::Ne("")));
    expect_refused("unknown_ca", from);
    EXPECT_FALSE(says("\"login\"", from)) << log();
}

TEST_P(AzureDevice, IsCutWhenItIsDisabledAndStaysOut) {
    auto one = device(node(), "dev1", "dev1", {{"listen", true}, {"stay", true}});
    ASSERT_TRUE(eventually([&] { return one.first("connected").has_value(); }, 60'000)) << one.said() << log();
    const size_t from = log().size();
    done({"device", "disable", "dev1"});
    ASSERT_TRUE(eventually([&] { return says("\"session_cut\"", from); })) << log();
    // The SDK comes again by itself, and the broker does not take it.
    ASSERT_TRUE(eventually([&] { return says("\"login_refused\"", from); }, 60'000)) << log() << one.said();
    EXPECT_EQ(refusal(node(), "dev1", "dev1"), "UnauthorizedError");
    expect_refused("disabled", from);
    EXPECT_FALSE(says("\"login\"", from)) << log();
    // What it was is not forgotten: enabled, it is in again.
    done({"device", "enable", "dev1"});
    ASSERT_TRUE(eventually([&] { return refusal(node(), "dev1", "dev1") == "in"; }, 60'000)) << log();
}

INSTANTIATE_TEST_SUITE_P(On, AzureDevice, testing::ValuesIn(azure_kinds), name_of_kind);

class AzurePostQuantum : public AzureWorld {
protected:
    AzurePostQuantum() { server_key = "ML-DSA-65"; }
};

TEST_F(AzurePostQuantum, TakesNobodyWithoutIt) {
    start("plugin_opt_groups X25519MLKEM768");
    done({"device", "add", "dev1"});
    certify_below("dev1", "dev1", "fleet", p256);
    const size_t from = log().size();
    EXPECT_THAT(refusal(node_24, "dev1", "dev1", {{"groups", "X25519"}}), testing::AllOf(testing::Ne("in"), testing::Ne("")));
    EXPECT_FALSE(says("\"login", from)) << "it ends in the handshake";
    EXPECT_EQ(refusal(node_24, "dev1", "dev1"), "in") << log();
}

}  // namespace
}  // namespace berth::test

// Devices whose identity a chip makes and keeps: in their bundles are names of keys, and they are onboarded like others.
#include "key_world.h"

namespace berth::test {
namespace {

struct chip {
    std::string label;
    std::function<bool()> installed;
    std::function<std::string(std::string)> name_of;  // a key's name
    std::string kem, signing;                         // the device's identity
    std::string cloud, device;                        // its operational keys, a KEM's and a signature's
    static std::string name(const testing::TestParamInfo<chip>& p) { return p.param.label; }
    friend void PrintTo(const chip& p, std::ostream* os) { *os << p.label; }
};

class ChipDevices : public KeyWorld, public testing::WithParamInterface<chip> {
protected:
    void SetUp() override {
        if (!GetParam().installed()) {
            GTEST_SKIP() << "its simulator is not installed; scripts/bootstrap installs it";
        }
        const auto named = GetParam().name_of;
        kem = named(GetParam().kem);
        signing = named(GetParam().signing);
        device = named(GetParam().device);
        cloud = named(GetParam().cloud);
        options = {"--backend",    GetParam().label,
                   "--p3",         kem,
                   "--p3-sig",     signing,
                   "--credential", "device=p256@" + device,
                   "--credential", "cloud=mlkem768_p256@" + cloud};
        serve("mldsa44");
    }
    void TearDown() override {
        for (const auto& uri : {kem, signing, device, cloud}) {
            if (!uri.empty()) {
                berth({"key", "delete", uri});
            }
        }
    }
    static void expect_no_keys(const std::vector<std::string>& uris) {
        for (const auto& uri : uris) {
            EXPECT_EQ(berth({"--json", "key", "delete", uri}).error_name(), "key_not_found") << uri;
        }
    }
    std::string kem, signing, device, cloud;
    std::vector<std::string> options;
};

TEST_P(ChipDevices, AreOnboardedWithKeysThatNeverLeaveThem) {
    ASSERT_NO_FATAL_FAILURE(must(order("CHIP-1", options)));
    EXPECT_EQ(private_keys("CHIP-1"), 0U);
    EXPECT_FALSE(fs::exists(at("CHIP-1/p3.pem")));
    const auto shown = berth({"--json", "key", "show", signing});
    EXPECT_EQ(shown.json().at("backend").as_string(), GetParam().label) << shown.all();
    onboard("CHIP-1");
    // Nor any afterwards: the keys of its operational certificates are where the bundle says, too.
    EXPECT_EQ(private_keys("CHIP-1"), 0U);
    EXPECT_FALSE(fs::exists(at("CHIP-1/pending")));
    for (const auto& [name, uri] : {std::pair("device", device), std::pair("cloud", cloud)}) {
        std::ifstream in(at(std::string("CHIP-1/installed/") + name + ".uri"));
        std::string line;
        std::getline(in, line);
        EXPECT_EQ(line, uri);
    }
    ASSERT_EQ(exit_of(spawn({"sh", "-c",
                             fmt::format("{} x509 -in {} -noout -pubkey > {}", BERTH_OPENSSL_COMMAND,
                                         at("CHIP-1/installed/device.pem"), at("device.pub"))},
                            at("log"))),
              0);
    EXPECT_EQ(berth({"--json", "key", "show", device}).json().at("public_key").as_string(), text_of("device.pub"));

    // The same chip is not two devices.
    const auto again = berth(order("CHIP-2", options));
    EXPECT_EQ(again.exit, 2) << again.all();
    EXPECT_EQ(again.error_name(), "key_exists");
    EXPECT_FALSE(fs::exists(at("CHIP-2")));
    EXPECT_EQ(berth({"--json", "ownership", "show", "CHIP-2", "--masa", at("masa")}).error_name(), "unknown_device");
    EXPECT_EQ(berth({"--json", "key", "show", signing}).json(), shown.json());

    // A reset leaves the device as it came from the factory, and its chip.
    must({"device", "reset", "--bundle", at("CHIP-1")});
    expect_no_keys({device, cloud});
    EXPECT_FALSE(fs::exists(at("CHIP-1/installed")));
    EXPECT_EQ(berth({"--json", "key", "show", signing}).json(), shown.json());
}

// What lies where the device is to make a key may be somebody's.
TEST_P(ChipDevices, LeaveKeysOfOthersAlone) {
    ASSERT_NO_FATAL_FAILURE(must(order("CHIP-4", options)));
    must({"ownership", "assign", "CHIP-4", "Birch", "--masa", at("masa")});
    must({"key", "generate", device, "--alg", "p256", "--out", at("before.pub")});
    const auto refused = berth({"--json", "device", "onboard", "--bundle", at("CHIP-4"), "--once"});
    EXPECT_EQ(refused.exit, 3) << refused.all();
    EXPECT_EQ(refused.error_name(), "key_exists") << refused.all();
    EXPECT_EQ(berth({"--json", "key", "show", device}).json().at("public_key").as_string(), text_of("before.pub"));
    must({"device", "reset", "--bundle", at("CHIP-4")});
    EXPECT_EQ(berth({"--json", "key", "show", device}).json().at("public_key").as_string(), text_of("before.pub"));
}

TEST_P(ChipDevices, AnOrderThatMakesNoDeviceLeavesNoKeys) {
    auto wrong = options;
    wrong.insert(wrong.end(), {"--discovery", "nonsense"});
    const auto refused = berth(order("CHIP-3", wrong));
    EXPECT_NE(refused.exit, 0);
    EXPECT_FALSE(fs::exists(at("CHIP-3")));
    expect_no_keys({kem, signing});
}

INSTANTIATE_TEST_SUITE_P(Every, ChipDevices,
                         testing::Values(chip{.label = "tpm2",
                                              .installed = swtpm::installed,
                                              .name_of = in_tpm,
                                              .kem = "0x81020002;seed=p3.seed",
                                              .signing = "0x81020000",
                                              .cloud = "0x81000003;seed=cloud.seed",
                                              .device = "0x81000002"},
                                         chip{.label = "stsafe",
                                              .installed = [] { return true; },
                                              .name_of = in_element,
                                              .kem = "slot=2",
                                              .signing = "slot=1",
                                              .cloud = "slot=4",
                                              .device = "slot=3"}),
                         chip::name);

}  // namespace
}  // namespace berth::test

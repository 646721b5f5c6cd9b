// Devices whose identity a chip makes and keeps: in their bundles are names of keys, and they are onboarded like others.
#include "key_world.h"

#include <array>

namespace berth::test {
namespace {

struct chip {
    std::string label;
    std::function<bool()> installed;
    std::function<std::string(std::string)> name_of;  // a key's name
    std::string kem, signing;                         // the device's identity
    std::string cloud, device;                        // its operational keys, a KEM's and a signature's
    std::string second;                               // why there is no second one
    static std::string name(const testing::TestParamInfo<chip>& p) { return p.param.label; }
    friend void PrintTo(const chip& p, std::ostream* os) { *os << p.label; }
};

class ChipDevices : public KeyWorld, public testing::WithParamInterface<chip> {
protected:
    void SetUp() override {
        if (!GetParam().installed()) {
            GTEST_SKIP() << "its simulator is not installed; scripts/bootstrap installs it";
        }
        if (GetParam().label == "tpm2") {
            certified_tpm().emplace(true);
            put_makers(*certified_tpm());
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
        if (GetParam().label == "tpm2") {
            options.insert(options.end(), {"--tpm-makers", at("makers.pem")});
        }
        serve("mldsa44");
    }
    void TearDown() override {
        for (const auto& uri : {kem, signing, device, cloud}) {
            if (!uri.empty()) {
                berth({"key", "delete", uri, "--force"});
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
    EXPECT_EQ(again.error_name(), GetParam().second) << again.all();
    EXPECT_FALSE(fs::exists(at("CHIP-2")));
    EXPECT_EQ(berth({"--json", "ownership", "show", "CHIP-2", "--masa", at("masa")}).error_name(), "unknown_device");
    EXPECT_EQ(berth({"--json", "key", "show", signing}).json(), shown.json());

    // Where its keys are is told without a look into the chip.
    const auto told = berth({"--json", "device", "show", "--bundle", at("CHIP-1")}).json();
    EXPECT_TRUE(told.at("opens").as_bool());
    const auto& keys = told.at("keys").as_array();
    ASSERT_GE(keys.size(), 4U);
    EXPECT_EQ(keys[0].at("key").as_string(), kem);
    EXPECT_EQ(keys[1].at("key").as_string(), signing);
    EXPECT_EQ(keys.back().at("key").as_string(), cloud);

    // A reset leaves the device as it came from the factory, and its chip.
    must({"device", "reset", "--bundle", at("CHIP-1")});
    expect_no_keys({device, cloud});
    EXPECT_FALSE(fs::exists(at("CHIP-1/installed")));
    EXPECT_EQ(berth({"--json", "key", "show", signing}).json(), shown.json());
}

// A credential in the place of an identity key would be found at the first onboarding, when nothing can be mended any more.
TEST_P(ChipDevices, PutNoCredentialInThePlaceOfAnIdentityKey) {
    auto wrong = options;
    for (auto& text : wrong) {
        text = text == "device=p256@" + device ? "device=p256@" + signing : text;
    }
    const auto refused = berth(order("CHIP-6", wrong));
    EXPECT_EQ(refused.error_name(), "bad_order") << refused.all();
    EXPECT_EQ(refused.exit, 2);
    EXPECT_FALSE(fs::exists(at("CHIP-6")));
    expect_no_keys({kem, signing});
    if (signing.starts_with("tpm2:")) {
        // Nor in the TPM's own.
        for (const std::string handle : {"0x81000001", "0x81010001", "0x81010016"}) {
            auto own = options;
            for (auto& text : own) {
                text = text == "device=p256@" + device ? "device=p256@tpm2:" + handle + signing.substr(signing.find(';')) : text;
            }
            EXPECT_EQ(berth(order("CHIP-6", own)).error_name(), "bad_order") << handle;
        }
    }
}

TEST_P(ChipDevices, LoseTheirCustomersKeysAtTheEndAndKeepTheirOwn) {
    ASSERT_NO_FATAL_FAILURE(must(order("CHIP-8", options)));
    const auto shown = berth({"--json", "key", "show", signing}).json();
    onboard("CHIP-8");
    const auto ended = berth({"--json", "device", "lifecycle", "decommission", "--bundle", at("CHIP-8"), "--yes"});
    ASSERT_EQ(ended.exit, 0) << ended.all();
    EXPECT_EQ(ended.json().at("chip_keys").to_number<int>(), 2);
    expect_no_keys({device, cloud});
    EXPECT_FALSE(fs::exists(at("CHIP-8/installed")));
    EXPECT_EQ(berth({"--json", "key", "show", signing}).json(), shown);
    EXPECT_TRUE(berth({"--json", "device", "show", "--bundle", at("CHIP-8")}).json().at("opens").as_bool());
}

// Once its certificate lies beside it in the chip, the identity's key is not deleted by the way.
TEST_P(ChipDevices, DeleteNoIdentityUnlessThatIsSaid) {
    if (GetParam().label != "stsafe") {
        GTEST_SKIP() << "a TPM makes the same key again (berth device recover)";
    }
    ASSERT_NO_FATAL_FAILURE(must(order("CHIP-7", options)));
    const auto shown = berth({"--json", "key", "show", signing}).all();
    const auto refused = berth({"--json", "key", "delete", signing});
    EXPECT_EQ(refused.error_name(), "key_restricted") << refused.all();
    EXPECT_EQ(refused.exit, 2);
    EXPECT_NE(refused.all().find("CHIP-7"), std::string::npos) << "whose it is: " << refused.all();
    EXPECT_EQ(berth({"--json", "key", "show", signing}).all(), shown);
    must({"key", "delete", signing, "--force"});
    EXPECT_EQ(berth({"--json", "key", "show", signing}).error_name(), "key_not_found");
}

// What lies where the device is to make a key may be somebody's.
TEST_P(ChipDevices, LeaveKeysOfOthersAlone) {
    ASSERT_NO_FATAL_FAILURE(must(order("CHIP-4", options)));
    must({"ownership", "assign", "CHIP-4", "Birch", "--masa", at("masa")});
    must({"key", "generate", device, "--alg", "p256", "--out", at("before.pub")});
    const auto refused = berth({"--json", "device", "onboard", "--bundle", at("CHIP-4")});
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
    // Nor anything else that would keep the chip from becoming another device.
    ASSERT_NO_FATAL_FAILURE(must(order("CHIP-5", options)));
}

INSTANTIATE_TEST_SUITE_P(Every, ChipDevices,
                         testing::Values(chip{.label = "tpm2",
                                              .installed = swtpm::installed,
                                              .name_of = in_certified_tpm,
                                              .kem = "0x81020002;seed=p3.seed",
                                              .signing = "0x81020000",
                                              .cloud = "0x81000003;seed=cloud.seed",
                                              .device = "0x81000002",
                                              .second = "nv_exists"},
                                         chip{.label = "stsafe",
                                              .installed = [] { return true; },
                                              .name_of = in_element,
                                              .kem = "slot=2",
                                              .signing = "slot=1",
                                              .cloud = "slot=4",
                                              .device = "slot=3",
                                              .second = "key_exists"}),
                         chip::name);

// A TPM as its maker sells it: no certificate of a device before the maker has vouched for the TPM, and the TPM for the keys.
class GenuineTpms : public KeyWorld {
protected:
    void SetUp() override {
        BERTH_NEEDS_SWTPM();
        serve("mldsa44");
        certified_tpm().emplace(true);
        put_makers(*certified_tpm());
        keys = uris(*certified_tpm());
    }
    static std::array<std::string, 2> uris(const swtpm& of) {
        return {"tpm2:0x81020002;seed=p3.seed;tcti=" + of.tcti(), "tpm2:0x81020000;tcti=" + of.tcti()};
    }
    [[nodiscard]] program_result make(const std::string& serial, const std::array<std::string, 2>& in,
                                      const std::vector<std::string>& more) const {
        std::vector<std::string> options{"--backend", "tpm2", "--p3", in[0], "--p3-sig", in[1]};
        options.insert(options.end(), more.begin(), more.end());
        return berth(order(serial, options));
    }
    std::array<std::string, 2> keys;
    void expect_refused(const program_result& r, const std::string& serial, const std::string& name, int exit) const {
        EXPECT_EQ(r.error_name(), name) << r.all();
        EXPECT_EQ(r.exit, exit) << r.all();
        EXPECT_FALSE(fs::exists(at(serial)));
        EXPECT_EQ(berth({"--json", "ownership", "show", serial, "--masa", at("masa")}).error_name(), "unknown_device");
    }
};

TEST_F(GenuineTpms, AreMadeIntoDevices) {
    const auto made = make("TPM-1", keys, {"--tpm-makers", at("makers.pem")});
    ASSERT_EQ(made.exit, 0) << made.all();
    // What the TPM keeps of it is what the bundle has.
    ASSERT_EQ(exit_of(spawn({"sh", "-c",
                             fmt::format("{} x509 -in {} -outform DER -out {}", BERTH_OPENSSL_COMMAND, at("TPM-1/z3-sig.pem"),
                                         at("z3-sig.der"))},
                            at("log"))),
              0);
    ASSERT_EQ(certified_tpm()->tool("tpm2_nvread 0x01c90000 -C o -o kept"), 0) << certified_tpm()->log();
    EXPECT_EQ(certified_tpm()->read("kept"), text_of("z3-sig.der"));
    onboard("TPM-1");
}

// The seed is sealed for whoever approves of boot states: an update needs a signature, and no new key.
TEST_F(GenuineTpms, OutliveAnUpdateThatIsApproved) {
    const std::string tcti = certified_tpm()->tcti();
    const auto extend = [](char with) {
        ASSERT_EQ(certified_tpm()->tool("tpm2_pcrextend 8:sha256=" + std::string(64, with)), 0) << certified_tpm()->log();
    };
    const auto approve = [&](const std::string& by, const std::string& out) {
        must({"key", "approve", "file:" + at(by), "--for", "gw-1", "--pcrs", "8", "--tcti", tcti, "--out", at(out)});
    };
    must({"key", "generate", "file:" + at("approver.pem"), "--alg", "p256"});
    must({"key", "generate", "file:" + at("stranger.pem"), "--alg", "p256"});
    ASSERT_NO_FATAL_FAILURE(approve("approver.pem", "state.pem"));
    const auto made = make("TPM-1", keys, {"--tpm-makers", at("makers.pem"), "--seal-approval", at("state.pem")});
    ASSERT_EQ(made.exit, 0) << made.all();
    ASSERT_NO_FATAL_FAILURE(extend('a'));
    const std::string kem = "tpm2:0x81020002;seed=" + at("TPM-1/p3.seed") + ";tcti=" + tcti;
    EXPECT_NE(berth({"--json", "key", "show", kem}).all().find("tpm_policy_failed"), std::string::npos);
    // Now one wants to know what state it is in, and whose it is.
    const auto pcrs = berth({"--json", "device", "pcrs", "--bundle", at("TPM-1"), "--pcrs", "8"});
    EXPECT_EQ(pcrs.exit, 0) << pcrs.all();
    const std::string now(pcrs.json().at("pcrs").at("8").as_string());
    const auto shown = berth({"--json", "device", "show", "--bundle", at("TPM-1")});
    EXPECT_EQ(shown.exit, 0) << shown.all();
    EXPECT_FALSE(shown.json().at("opens").as_bool());
    EXPECT_EQ(shown.json().at("why_not").at("name").as_string(), "tpm_policy_failed");
    EXPECT_EQ(shown.json().at("keys").as_array()[0].at("sealed_to").as_string(), "approvals");
    EXPECT_EQ(berth({"device", "reset", "--bundle", at("TPM-1")}).exit, 0);
    ASSERT_NO_FATAL_FAILURE(approve("stranger.pem", "foreign.pem"));
    EXPECT_EQ(berth({"--json", "key", "admit", kem, "--approval", at("foreign.pem")}).error_name(), "approval_foreign");
    // The values come from the device; the approver has no TPM.
    const auto approved = run_program(
        "berth", {"key", "approve", "file:" + at("approver.pem"), "--for", "gw-1", "--pcr", "8=" + now, "--out", at("next.pem")});
    EXPECT_EQ(approved.exit, 0) << approved.all();
    EXPECT_NE(approved.all().find("admit \"tpm2:0x81020002;seed=p3.seed\""), std::string::npos) << "a shell cuts names at ;";
    EXPECT_EQ(berth({"--json", "key", "approve", "file:" + at("approver.pem"), "--for", "gw-1", "--pcr", "256=" + now, "--out",
                     at("none.pem")})
                  .error_name(),
              "bad_register")
        << "it is not register 0";
    // What was damaged on its way takes no place of another approval.
    const auto seed_before = text_of("TPM-1/p3.seed");
    put("damaged.pem", "not an approval");
    const auto damaged = berth({"--json", "key", "admit", kem, "--approval", at("damaged.pem")});
    EXPECT_EQ(damaged.error_name(), "approval_invalid") << damaged.all();
    EXPECT_NE(damaged.all().find("damaged.pem"), std::string::npos);
    EXPECT_EQ(text_of("TPM-1/p3.seed"), seed_before);
    must({"key", "admit", kem, "--approval", at("next.pem")});
    EXPECT_EQ(berth({"--json", "key", "show", kem}).exit, 0);
    onboard("TPM-1");
    // What is not the state that the device is in seals nothing.
    certified_tpm().emplace(true);
    put_makers(*certified_tpm());
    keys = uris(*certified_tpm());
    const auto refused = make("TPM-9", keys, {"--tpm-makers", at("makers.pem"), "--seal-approval", at("next.pem")});
    expect_refused(refused, "TPM-9", "tpm_policy_failed", 3);
}

// Another maker's layout: the certificate is where it says, and an IAK at a handle of one's own.
TEST_F(GenuineTpms, KeepTheirIdentityWhereTheirLayoutSays) {
    keys[1] += ";layout=st33ktpm;iak=0x81020011";
    const auto made = make("TPM-1", keys, {"--tpm-makers", at("makers.pem")});
    ASSERT_EQ(made.exit, 0) << made.all();
    EXPECT_EQ(certified_tpm()->tool("tpm2_nvread 0x01c90200 -C o -o kept"), 0) << certified_tpm()->log();
    EXPECT_NE(certified_tpm()->tool("tpm2_nvread 0x01c90000 -C o -o none"), 0);
    EXPECT_EQ(certified_tpm()->tool("tpm2_readpublic -c 0x81020011 > iak"), 0);
    EXPECT_NE(certified_tpm()->tool("tpm2_readpublic -c 0x81020001 > none"), 0);
    onboard("TPM-1");
}

TEST_F(GenuineTpms, OthersAreNot) {
    const std::vector<std::string> known{"--tpm-makers", at("makers.pem")};
    expect_refused(make("TPM-2", keys, {"--tpm-makers", at("factory/z1.pem")}), "TPM-2", "unknown_issuer", 1);
    expect_refused(make("TPM-3", keys, {}), "TPM-3", "tpm_maker_unknown", 2);
    const swtpm nobodys;
    expect_refused(make("TPM-4", uris(nobodys), known), "TPM-4", "ek_without_certificate", 3);
    expect_refused(berth(order("TPM-5", known)), "TPM-5", "bad_order", 2);
    expect_refused(make("TPM-6", {keys[0], uris(nobodys)[1]}, known), "TPM-6", "bad_key_uri", 2);
    expect_refused(make("TPM-7", {keys[0], "file:p3-sig.pem"}, known), "TPM-7", "bad_order", 2);
    for (const auto& uri : keys) {
        EXPECT_EQ(berth({"--json", "key", "delete", uri}).error_name(), "key_not_found") << "no key stays in " << uri;
    }
    ASSERT_EQ(certified_tpm()->tool("tpm2_getcap handles-persistent > handles"), 0) << certified_tpm()->log();
    EXPECT_EQ(certified_tpm()->read("handles").find("0x8102"), std::string::npos)
        << "nor the key that would have vouched for them";
    // An issuing CA alone is no root.
    std::ofstream(at("issuer.pem")) << certified_tpm()->read("ca/issuercert.pem");
    expect_refused(make("TPM-2", keys, {"--tpm-makers", at("issuer.pem")}), "TPM-2", "bad_anchor", 2);
    EXPECT_EQ(make("TPM-8", keys, known).exit, 0) << "and it may become a device yet";
}

}  // namespace
}  // namespace berth::test

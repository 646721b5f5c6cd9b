// A registrar that wants to know how a device started, a TPM that says it, and what comes of each lie and of each change.
#include "key_world.h"

#include "base/log.h"
#include "common/files.h"
#include "crypto/random.h"
#include "device/onboarding_run.h"

#include <gmock/gmock.h>

namespace berth::test {
namespace {

// Registers 0, 2 and 7 of a TPM that measured nothing yet are all zero.
constexpr std::string_view zeros = "0000000000000000000000000000000000000000000000000000000000000000";
constexpr std::string_view ones = "1111111111111111111111111111111111111111111111111111111111111111";

class Quotes : public KeyWorld {
protected:
    void SetUp() override {
        BERTH_NEEDS_SWTPM();
        serve("mldsa44");
        certified_tpm().emplace(true);
        put_makers(*certified_tpm());
    }
    [[nodiscard]] static std::vector<std::string> in(const swtpm& tpm) {
        return {"--backend", "tpm2",
                "--p3",      "tpm2:0x81020002;seed=p3.seed;tcti=" + tpm.tcti(),
                "--p3-sig",  "tpm2:0x81020000;tcti=" + tpm.tcti(),
                "--model",   "valve-3"};
    }
    // A device whose TPM is that one.
    void make(const std::string& serial, const swtpm& tpm, const std::vector<std::string>& more = {"--quote-pcrs", "7,0,2"}) {
        auto options = in(tpm);
        options.insert(options.end(), {"--tpm-makers", at("makers.pem")});
        options.insert(options.end(), more.begin(), more.end());
        const auto made = berth(order(serial, options));
        ASSERT_EQ(made.exit, 0) << made.all();
        must({"ownership", "assign", serial, "Birch", "--masa", at("masa")});
    }
    // Adds to the registrar's berthd.toml, checks it, and has it read.
    void demand(const std::string& policy) {
        const std::string file = at("registrar/berthd.toml");
        if (without_policy.empty()) {
            without_policy = got(app::read_text(file));
        }
        const size_t before_ca = without_policy.find("[ca]");
        ASSERT_NE(before_ca, std::string::npos);
        std::string text = without_policy;
        ASSERT_TRUE(app::write_text(file, text.insert(before_ca, policy + "\n")));
        const auto checked = run_program("berthd", {"check", file});
        ASSERT_EQ(checked.exit, 0) << checked.all();
        registrar->reload();
    }
    static std::string policy(const std::string& registers, const std::string& model = "") {
        return "[[registrar.integrity]]\n" + (model.empty() ? "" : "model = \"" + model + "\"\n") + "pcrs = { " + registers +
               " }\n";
    }
    static std::string holds(int number, std::string_view value) { return fmt::format("{} = \"{}\"", number, value); }

    void expect_refused(const program_result& onboarded, const std::string& serial, const std::string& cause) {
        EXPECT_EQ(onboarded.exit, 1) << onboarded.all() << registrar->errors();
        EXPECT_EQ(onboarded.error_name(), "attestation_refused") << onboarded.all();
        expect_recorded(serial, cause);
    }
    void expect_recorded(const std::string& serial, const std::string& cause) {
        EXPECT_FALSE(fs::exists(at(serial + "/installed")));
        const auto record = record_of(serial);
        EXPECT_EQ(record.at("status").as_string(), "attestation_refused");
        EXPECT_EQ(record.at("integrity").as_string(), cause);
        const std::string log = registrar->errors();
        EXPECT_THAT(log, testing::HasSubstr("\"cause\":\"" + cause + "\"")) << log;
        EXPECT_THAT(log, testing::HasSubstr("\"outcome\":\"attestation_refused\"")) << log;
    }
    [[nodiscard]] wire::json::object record_of(const std::string& serial) const {
        return berth({"--json", "registrar", "devices", serial, "--dir", at("registrar")}).json();
    }
    [[nodiscard]] program_result try_onboard(const std::string& serial) const {
        return berth({"--json", "device", "onboard", "--bundle", at(serial)});
    }
    // What came of it, of a device that is whatever `bundle` says.
    static app::run_report run(const app::device_bundle& bundle) {
        log::configure(log::level::error, log::format::text);
        net::loop loop;
        std::optional<app::run_report> out;
        app::run_options how;
        how.once = true;
        app::onboarding_run onboarding(loop, bundle, how, system_clock(), crypto::system_random(), [&](const app::run_report& r) {
            out = r;
            loop.stop();
        });
        onboarding.start();
        loop.run();
        return out.value_or(app::run_report{});
    }
    std::string without_policy;
};

TEST_F(Quotes, OfADeviceThatStartedAsItShouldAndOfOneThatDidNot) {
    ASSERT_NO_FATAL_FAILURE(make("TPM-1", *certified_tpm()));
    const std::string toml = text_of("TPM-1/device.toml");
    EXPECT_THAT(toml, testing::HasSubstr("[quote]\npcrs = [0, 2, 7]\n"));

    // What the operator writes comes from a device that started as it should.
    const auto printed = run_program("berth", {"device", "pcrs", "--bundle", at("TPM-1")});
    ASSERT_EQ(printed.exit, 0) << printed.all();
    EXPECT_EQ(fmt::format("{}\n", fmt::join(printed.output, "\n")),
              fmt::format("[[registrar.integrity]]\nmodel = \"valve-3\"\npcrs = {{ 0 = \"{0}\", 2 = \"{0}\", 7 = "
                          "\"{0}\" }}\n",
                          zeros));
    EXPECT_NE(fmt::format("{}", fmt::join(printed.errors, "\n")).find("nothing was measured into platform registers 0, 2, 7"),
              std::string::npos)
        << printed.all();
    EXPECT_NE(berth({"device", "pcrs", "--bundle", at("TPM-1"), "--pcrs", "0-7"}).all().find("several as 0,2,7"), std::string::npos);
    const auto some = berth({"--json", "device", "pcrs", "--bundle", at("TPM-1"), "--pcrs", "7"}).json();
    EXPECT_EQ(some.at("pcrs").as_object().size(), 1U);
    EXPECT_EQ(some.at("pcrs").at("7").as_string(), zeros);
    ASSERT_NO_FATAL_FAILURE(demand(fmt::format("{}\n", fmt::join(printed.output, "\n"))));

    const auto good = try_onboard("TPM-1");
    EXPECT_EQ(good.exit, 0) << good.all() << registrar->errors();
    EXPECT_TRUE(fs::exists(at("TPM-1/installed/device.pem")));
    EXPECT_EQ(record_of("TPM-1").at("integrity").as_string(), "met");

    // Something else was loaded the next time. The certificates that it was given are its owner's to revoke; it gets no more.
    const auto before = record_of("TPM-1");
    must({"device", "reset", "--bundle", at("TPM-1")});
    ASSERT_EQ(certified_tpm()->tool(fmt::format("tpm2 pcrextend 7:sha256={}", ones)), 0) << certified_tpm()->log();
    const auto refused = try_onboard("TPM-1");
    expect_refused(refused, "TPM-1", "pcr_mismatch");
    EXPECT_EQ(record_of("TPM-1").at("certificates"), before.at("certificates"));
    EXPECT_THAT(registrar->errors(), testing::HasSubstr("\"registers\":\"7\""));
    const auto holds_now = berth({"--json", "device", "pcrs", "--bundle", at("TPM-1"), "--pcrs", "7"}).json();
    EXPECT_THAT(registrar->errors(), testing::HasSubstr(std::string(holds_now.at("pcrs").at("7").as_string())))
        << "who approves of it need not go to the device";

    // An update that its owner knows of: both values are good.
    const auto now = berth({"--json", "device", "pcrs", "--bundle", at("TPM-1"), "--pcrs", "7"}).json();
    const std::string updated(now.at("pcrs").at("7").as_string());
    EXPECT_NE(updated, zeros);
    ASSERT_NO_FATAL_FAILURE(demand(policy(holds(0, zeros) + fmt::format(", 7 = [ \"{}\", \"{}\" ]", zeros, updated), "valve-3")));
    const auto again = try_onboard("TPM-1");
    EXPECT_EQ(again.exit, 0) << again.all() << registrar->errors();
}

TEST_F(Quotes, ThatAreMissingOrOfOtherRegisters) {
    ASSERT_NO_FATAL_FAILURE(make("TPM-1", *certified_tpm(), {}));
    ASSERT_NO_FATAL_FAILURE(demand(policy(holds(4, zeros))));
    expect_refused(try_onboard("TPM-1"), "TPM-1", "quote_missing");
    EXPECT_EQ(record_of("TPM-1").at("certificates").as_int64(), 0);
    std::ofstream(at("TPM-1/device.toml"), std::ios::app) << "\n[quote]\npcrs = [7]\n";
    expect_refused(try_onboard("TPM-1"), "TPM-1", "pcr_value_missing");
    // A device with keys in files has none to give; of a model that nobody asks it is not wanted.
    must(order("FILES-1", {}));
    must({"ownership", "assign", "FILES-1", "Birch", "--masa", at("masa")});
    expect_refused(try_onboard("FILES-1"), "FILES-1", "quote_missing");
    ASSERT_NO_FATAL_FAILURE(demand(policy(holds(4, zeros), "valve-3")));
    const auto onboarded = try_onboard("FILES-1");
    EXPECT_EQ(onboarded.exit, 0) << onboarded.all() << registrar->errors();
}

// Whoever rules a device may have another's TPM answer for it.
TEST_F(Quotes, ByTheTpmOfAnotherDevice) {
    const swtpm second(true);
    put_makers(second);
    ASSERT_NO_FATAL_FAILURE(make("TPM-1", *certified_tpm()));
    ASSERT_NO_FATAL_FAILURE(make("TPM-2", second));
    ASSERT_NO_FATAL_FAILURE(demand(policy(holds(7, zeros))));
    ASSERT_EQ(certified_tpm()->tool(fmt::format("tpm2 pcrextend 7:sha256={}", ones)), 0) << certified_tpm()->log();

    {
        auto bundle = got(app::device_bundle::open(at("TPM-1")));
        const auto helper = got(app::device_bundle::open(at("TPM-2")));
        bundle.p3_uri = helper.p3_uri;
        // With its own certificate the device finds the mistake itself.
        const auto found = run(bundle);
        ASSERT_TRUE(found.why);
        EXPECT_EQ(found.why->name, "key_mismatch") << found.why->message;
        bundle.iak = helper.iak;
        const auto report = run(bundle);
        ASSERT_TRUE(report.why);
        EXPECT_EQ(report.why->name, "attestation_refused") << report.why->message;
        expect_recorded("TPM-1", "quote_other_device");
    }
    // The helper itself is as it should be.
    const auto onboarded = try_onboard("TPM-2");
    EXPECT_EQ(onboarded.exit, 0) << onboarded.all() << registrar->errors();
}

TEST_F(Quotes, ByAKeyThatItsMakerHasRevoked) {
    ASSERT_NO_FATAL_FAILURE(make("TPM-1", *certified_tpm()));
    must({"factory", "revoke", at("TPM-1/z3-iak.pem"), "--dir", at("factory")});
    must({"factory", "crl", "--dir", at("factory"), "--issuer", "idevid-ca-classical", "--out", at("classical.crl")});
    const auto toml = got(app::read_text(at("registrar/berthd.toml")));
    const std::string maker = "[[registrar.maker]]\n";
    ASSERT_NE(toml.find(maker), std::string::npos);
    auto with_list = toml;
    with_list.insert(toml.find(maker) + maker.size(), fmt::format("issuers = [\"{}\"]\ncrls = [\"{}\"]\n",
                                                                  at("factory/idevid-ca-classical.pem"), at("classical.crl")));
    ASSERT_TRUE(app::write_text(at("registrar/berthd.toml"), with_list));
    ASSERT_NO_FATAL_FAILURE(demand(policy(holds(7, zeros))));
    expect_refused(try_onboard("TPM-1"), "TPM-1", "certificate_revoked");
}

// Of a back end that keeps no registers, before anything is made.
TEST_F(Quotes, OfNoTpm) {
    const auto files = berth(order("FILES-1", {"--quote-pcrs", "0"}));
    EXPECT_EQ(files.exit, 2);
    EXPECT_EQ(files.error_name(), "operation_unsupported") << files.all();
    EXPECT_FALSE(fs::exists(at("FILES-1")));
    must(order("FILES-2", {}));
    const auto pcrs = berth({"--json", "device", "pcrs", "--bundle", at("FILES-2"), "--pcrs", "0"});
    EXPECT_EQ(pcrs.exit, 2);
    EXPECT_EQ(pcrs.error_name(), "operation_unsupported") << pcrs.all();
    std::ofstream(at("FILES-2/device.toml"), std::ios::app) << "\n[quote]\npcrs = [7]\n";
    EXPECT_EQ(try_onboard("FILES-2").error_name(), "operation_unsupported");
    ASSERT_NO_FATAL_FAILURE(make("TPM-1", *certified_tpm()));
    fs::remove(at("TPM-1/z3-iak.pem"));
    const auto bare = try_onboard("TPM-1");
    EXPECT_EQ(bare.error_name(), "bad_bundle") << bare.all();
    EXPECT_THAT(bare.all(), testing::HasSubstr("z3-iak.pem"));
}

}  // namespace
}  // namespace berth::test

// berth-agent keeps certificates from a server that is none of ours: nginx, and openssl ca behind it.
#include "credentials/keeper.h"
#include "crypto/random.h"
#include "device/identity_holdings.h"
#include "device/installation.h"
#include "pki/private_key_file.h"
#include "support/foreign_est.h"

#include <sys/stat.h>

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class Keeping : public ForeignServer {
protected:
    static void SetUpTestSuite() {
        ForeignServer::SetUpTestSuite();
        for (const std::vector<std::string>& step : {
                 std::vector<std::string>{"factory", "init", "--dir", at("factory"), "--maker", "Acme"},
                 {"masa", "init", "--dir", at("masa"), "--factory", at("factory"), "--host", "localhost"},
                 {"factory", "make", "--dir", at("factory"), "--masa", at("masa"), "--serial", "SN-0001", "--out", at("made"),
                  "--registrar", "localhost:1"},
             }) {
            const auto done = berth(step);
            ASSERT_EQ(done.exit, 0) << done.all();
        }
        // Who the device is towards the foreign server: its customer's CA has said so.
        const auto identity = trusting(
            {"enrol", "--new-key", at("ident.key"), "--alg", "p256", "--subject", "CN=SN-0001", "--out", at("ident.pem")});
        ASSERT_EQ(identity.exit, 0) << identity.all();
    }
    void SetUp() override {
        static int devices = 0;
        bundle = at(fmt::format("device-{}", ++devices));
        fs::copy(at("made"), bundle, fs::copy_options::recursive);
        fs::remove_all(bundle / "installed");
        fs::create_directories(bundle / "installed");
        fs::copy(at("root.pem"), bundle / "installed/domain-root.pem");
        fs::copy(at("ident.pem"), bundle / "installed/ident.pem");
        fs::copy(at("ident.key"), bundle / "installed/ident.key");
        configure("");
    }
    // est.toml, with lines for the source and for the credential.
    void configure(const std::string& credential, const std::string& source = "") const {
        ASSERT_TRUE(app::write_text(
            bundle / "est.toml",
            fmt::format("[[est]]\nserver = \"localhost:{}\"\n{}\n[[est.credential]]\nname = \"ops\"\nalgorithm = \"p256\"\n"
                        "identity = \"ident\"\n{}\n",
                        port, source, credential)));
    }
    [[nodiscard]] program_result renew(const std::string& fault = "") const {
        const std::vector<std::string> how{"--bundle", bundle.string(), "--renew-once", "--json"};
        return fault.empty() ? run_program("berth-agent", how)
                             : run_program(fs::path(BERTH_FAULTS_DIR) / "berth-agent-faults", how, 60'000,
                                           {"BERTH_FAULT=berth-fault-point:" + fault});
    }
    [[nodiscard]] wire::json::object shown() const {
        const auto said = berth({"--json", "device", "credentials", "--bundle", bundle.string()});
        EXPECT_EQ(said.exit, 0) << said.all();
        return said.json().at("credentials").as_array().at(0).as_object();
    }
    [[nodiscard]] size_t generations() const { return shown().at("certificates").as_array().size(); }
    [[nodiscard]] fs::path current() const { return bundle / "credentials/ops/current"; }
    [[nodiscard]] pki::certificate leaf() const { return got(app::read_certificate(current() / "certificate.pem")); }
    // Certificate and key in use belong to each other, and nobody else reads the key.
    void expect_whole() const {
        const auto key = pki::load_signing_key((current() / "key.pem").string());
        ASSERT_TRUE(key) << key.error().message;
        EXPECT_TRUE(same_octets(key->public_key().spki(), leaf().spki()));
        struct stat s{};
        ASSERT_EQ(::stat((current() / "key.pem").c_str(), &s), 0);
        EXPECT_EQ(s.st_mode & 0777U, 0600U);
    }
    static size_t issued_so_far() {
        const auto index = got(app::read_text(at("index.txt")));
        return static_cast<size_t>(std::ranges::count(index, '\n'));
    }
    static bool says(const program_result& r, const std::string& what) { return r.all().find(what) != std::string::npos; }

    fs::path bundle;
    static constexpr const char* always = "renew = \"30day\"\nspread = 0";  // of 30 days: due at once
};

TEST_F(Keeping, EnrolsHasItAcceptedAndRenewsWithANewKey) {
    configure(always);
    const auto first = renew();
    ASSERT_EQ(first.exit, 0) << first.all();
    EXPECT_TRUE(says(first, "credential_issued") && says(first, "credential_accepted")) << first.all();
    expect_whole();
    EXPECT_EQ(leaf().common_name(), "SN-0001") << "the names of the identity";
    const auto before = leaf();

    const auto second = renew();
    ASSERT_EQ(second.exit, 0) << second.all();
    expect_whole();
    EXPECT_EQ(leaf().common_name(), "SN-0001");
    EXPECT_FALSE(same_octets(before.spki(), leaf().spki())) << "a new key";
    EXPECT_EQ(generations(), 1U) << "the former one is not needed any more";
    EXPECT_EQ(shown().at("state").as_string(), "valid");
}

TEST_F(Keeping, WhatIsNotDueIsLeft) {
    ASSERT_EQ(renew().exit, 0);
    const size_t issued = issued_so_far();
    const auto again = renew();
    EXPECT_EQ(again.exit, 0) << again.all();
    EXPECT_EQ(issued_so_far(), issued);
    EXPECT_EQ(shown().at("next").as_string(), "wait");
    EXPECT_GT(shown().at("next_at").to_number<int64_t>(), system_clock().now());
}

TEST_F(Keeping, AServerThatIsAwayLeavesEverythingAsItWas) {
    configure(always);
    ASSERT_EQ(renew().exit, 0);
    const auto before = leaf();
    stop_nginx();
    const auto away = renew();
    EXPECT_EQ(away.exit, 3) << away.all();
    EXPECT_TRUE(says(away, "credential_not_renewed")) << away.all();
    EXPECT_EQ(leaf(), before);
    expect_whole();
    start_nginx();
    ASSERT_EQ(renew().exit, 0);
    EXPECT_NE(leaf(), before);
}

TEST_F(Keeping, AsksAgainWithTheSameKey) {
    fs::remove(at("asked"));
    configure("", "label = \"slow\"");
    const auto told = renew();
    EXPECT_EQ(told.exit, 1) << told.all();
    EXPECT_TRUE(says(told, "approval_pending") && says(told, "an operator decides")) << told.all();
    EXPECT_EQ(shown().at("state").as_string(), "asked_for");
    const auto key = got(pki::load_signing_key((bundle / "credentials/ops/1/key.pem").string()));
    const auto later = renew();
    ASSERT_EQ(later.exit, 0) << later.all();
    expect_whole();
    EXPECT_TRUE(same_octets(leaf().spki(), key.public_key().spki()));
}

TEST_F(Keeping, AnExpiredCertificateIsReplacedByWayOfTheIdentity) {
    configure("", "label = \"short\"");
    ASSERT_EQ(renew().exit, 0);
    const auto before = leaf();
    while (system_clock().now() <= before.not_after()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    EXPECT_EQ(shown().at("state").as_string(), "expired");
    EXPECT_EQ(shown().at("next").as_string(), "enrol");
    configure("");
    const auto again = renew();
    ASSERT_EQ(again.exit, 0) << again.all();
    EXPECT_NE(leaf(), before);
    EXPECT_EQ(generations(), 1U);
    expect_whole();
}

TEST_F(Keeping, ACertificateThatIsRefusedIsReplacedByWayOfTheIdentity) {
    configure(always);
    ASSERT_EQ(renew().exit, 0);
    // From a CA that this server does not know; its time is right, and its key is its own.
    openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -out other.pem -days 30 -subj "
            "'/CN=Other'");
    openssl(fmt::format("req -x509 -key {0}/key.pem -subj /CN=SN-0001 -CA other.pem -CAkey other.key -days 30 -addext "
                        "basicConstraints=critical,CA:FALSE -out {0}/certificate.pem",
                        current().string()));
    const auto stranger = leaf();
    const auto again = renew();
    ASSERT_EQ(again.exit, 0) << again.all();
    EXPECT_TRUE(says(again, "credential_not_renewed")) << "it was tried, and refused: " << again.all();
    EXPECT_NE(leaf(), stranger);
    EXPECT_TRUE(leaf().check_signature(got(app::read_certificate(at("root.pem")))));
    expect_whole();
}

TEST_F(Keeping, WhoeverIsRefusedAltogetherIsToldToBeOnboardedAgain) {
    openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout alien.key -out alien.pem -days 30 -subj "
            "'/CN=Alien' "
            "-addext basicConstraints=critical,CA:FALSE");
    fs::copy(at("alien.pem"), bundle / "installed/ident.pem", fs::copy_options::overwrite_existing);
    fs::copy(at("alien.key"), bundle / "installed/ident.key", fs::copy_options::overwrite_existing);
    const auto refused = renew();
    EXPECT_EQ(refused.exit, 1) << refused.all();
    EXPECT_TRUE(says(refused, "recovery_needed")) << refused.all();
}

TEST_F(Keeping, HooksRunOnceForEachCertificateAndHarmNothing) {
    const auto script = at("hook.sh");
    write("hook.sh", "#!/bin/sh\necho \"$BERTH_CREDENTIAL $BERTH_CERTIFICATE $BERTH_KEY $1\" >> " + at("hook.out") +
                         "\necho said by the hook\nexit $2\n");
    fs::permissions(script, fs::perms(0700));
    fs::remove(at("hook.out"));
    configure(fmt::format("{}\nrun = [\"{}\", \"an argument\", \"0\"]", always, script));
    const auto first = renew();
    ASSERT_EQ(first.exit, 0) << first.all();
    EXPECT_TRUE(says(first, "said by the hook") && says(first, "hook_done")) << first.all();
    const auto once = got(app::read_text(at("hook.out")));
    EXPECT_EQ(once, fmt::format("ops {0}/certificate.pem {0}/key.pem an argument\n", current().string()));

    configure(fmt::format("{}\nrun = [\"{}\", \"again\", \"7\"]", always, script));
    const auto second = renew();
    EXPECT_EQ(second.exit, 0) << "a hook that fails is no failure of the renewal: " << second.all();
    EXPECT_TRUE(says(second, "hook_failed") && says(second, "ended with 7")) << second.all();
    EXPECT_EQ(got(app::read_text(at("hook.out"))).size(), once.size() + once.size() - std::string("an argument").size() + 5);
    EXPECT_TRUE(std::string(shown().at("certificates").as_array().at(0).at("hooks").as_string()).ends_with("ended with 7"));
}

TEST_F(Keeping, WhoIsToldToAcceptKeepsTheFormerOneUntilThen) {
    configure(std::string(always) + "\naccept = \"told\"");
    ASSERT_EQ(renew().exit, 0);
    const auto first = leaf();
    ASSERT_EQ(run_program("berth-agent", {"accepted", "--bundle", bundle.string(), "ops"}).exit, 0);
    ASSERT_EQ(renew().exit, 0);
    EXPECT_EQ(leaf(), first) << "nobody has said that the new one is accepted";
    EXPECT_EQ(generations(), 2U);
    const auto unknown = run_program("berth-agent", {"accepted", "--bundle", bundle.string(), "other", "--json"});
    EXPECT_EQ(unknown.error_name(), "no_such_credential");
    ASSERT_EQ(run_program("berth-agent", {"accepted", "--bundle", bundle.string(), "ops"}).exit, 0);
    EXPECT_NE(leaf(), first);
    EXPECT_EQ(generations(), 1U);
    expect_whole();
}

TEST_F(Keeping, ADeviceThatBelievesItIs1970LearnsTheTime) {
    const auto opened = got(app::device_bundle::look(bundle));
    const auto config = got(app::read_keeping_config(bundle));
    const manual_clock clock(3'600);
    const auto run = [&] {
        net::loop loop;
        std::optional<error> why;
        app::credential_keeper keeper(loop, opened, *config, clock, crypto::system_random());
        keeper.once([&](const auto& all) {
            why = all.at(0).why;
            loop.stop();
        });
        loop.run();
        return why;
    };
    const auto why = run();
    ASSERT_FALSE(why) << why->message;
    expect_whole();
    const auto seconds = [&](const char* file) { return std::stoll(got(app::read_text(bundle / file))); };
    EXPECT_GE(seconds("time"), leaf().not_before());
    EXPECT_LE(std::abs(seconds("credentials/told.time") - system_clock().now()), 120);
    // After a restart in 1970 it knows what it has: nothing is due.
    const size_t issued = issued_so_far();
    EXPECT_FALSE(run());
    EXPECT_EQ(issued_so_far(), issued);
}

TEST_F(Keeping, TheIdentityServiceOfTheDeviceHasIt) {
    ASSERT_EQ(renew().exit, 0);
    const auto opened = got(app::device_bundle::look(bundle));
    app::identity_holdings holdings(opened);
    EXPECT_EQ(got(holdings.look("ops")).chain.front(), leaf());
    const auto key = got(holdings.open("ops"));
    EXPECT_TRUE(std::get<keystore::signing_key_ptr>(key)->sign(as_bytes("x")));
}

TEST_F(Keeping, TheAgentThatStaysOutlivesCertificatesAndServers) {
    configure("renew = \"50%\"\nspread = 0", "label = \"short\"");
    app::installation_state onboarded;
    onboarded.customer = "Birch";
    onboarded.reported = true;
    onboarded.registrar = "localhost:1";
    ASSERT_TRUE(app::write_text(bundle / "installed/state.json", wire::to_text(to_json(onboarded))));
    auto agent = got(
        app::child_process::start(fs::path(BERTH_BIN_DIR) / "berth-agent", {"--bundle", bundle.string(), "--stay", "--json"}));
    std::string said;
    const auto hears = [&](const std::string& text) {
        const milliseconds until = system_clock().steady() + 60'000;
        while (system_clock().steady() < until && !agent.ended()) {
            app::poll_children({&agent}, 50);
            for (const auto& line : agent.take_error_lines()) {
                said += line + "\n";
                if (line.find(text) != std::string::npos) {
                    return true;
                }
            }
        }
        return false;
    };
    ASSERT_TRUE(hears("credential_accepted")) << said;
    const auto first = leaf();
    ASSERT_TRUE(hears("credential_accepted")) << said;
    EXPECT_NE(leaf(), first);
    expect_whole();
    const auto beside = renew();
    EXPECT_EQ(beside.exit, 3);
    EXPECT_TRUE(says(beside, "agent_running")) << beside.all();
    stop_nginx();
    ASSERT_TRUE(hears("credential_not_renewed")) << said;
    expect_whole();
    start_nginx();
    ASSERT_TRUE(hears("credential_accepted")) << said;
    agent.terminate();
    while (!agent.ended()) {
        app::poll_children({&agent}, 50);
    }
    EXPECT_EQ(agent.exit_code(), 0);
    expect_whole();
}

class KilledKeeping : public Keeping, public testing::WithParamInterface<std::string> {};

TEST_P(KilledKeeping, LosesNothingAndEndsWithOneCertificate) {
    configure(always);
    ASSERT_EQ(renew().exit, 0);
    const auto before = leaf();
    const auto killed = renew(GetParam());
    ASSERT_EQ(killed.exit, 128 + SIGKILL) << killed.all();
    expect_whole();
    EXPECT_GT(leaf().not_after(), system_clock().now());

    const auto waiting = pki::load_signing_key((bundle / "credentials/ops/2/key.pem").string());
    const size_t issued = issued_so_far();
    const auto after = renew();
    ASSERT_EQ(after.exit, 0) << after.all();
    expect_whole();
    EXPECT_EQ(generations(), 1U);
    EXPECT_NE(leaf(), before);
    EXPECT_LE(issued_so_far(), issued + 1);
    if (GetParam() == "credential.after_key" || GetParam() == "credential.before_certificate") {
        ASSERT_TRUE(waiting) << "the key was on disk before the request was sent";
        EXPECT_TRUE(same_octets(leaf().spki(), waiting->public_key().spki()));
    }
    for (const auto& entry : fs::directory_iterator(bundle / "credentials/ops")) {
        EXPECT_FALSE(entry.path().string().ends_with(".gone") || entry.path().string().ends_with(".new")) << entry.path();
    }
}

INSTANTIATE_TEST_SUITE_P(Points, KilledKeeping,
                         testing::Values("credential.before_key", "credential.after_key", "credential.before_certificate",
                                         "credential.after_certificate", "credential.after_accepted", "credential.before_current",
                                         "credential.after_current", "credential.before_removal"),
                         [](const auto& p) {
                             auto name = p.param;
                             std::ranges::replace(name, '.', '_');
                             return name;
                         });

}  // namespace
}  // namespace berth::test

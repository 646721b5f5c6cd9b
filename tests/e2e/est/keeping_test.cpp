// berth-agent and [est]: ways of saying who one is, a CA's next root, a configuration that changes.
#include "est_world.h"

#include <csignal>

namespace berth::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class KeptHere : public EstServer {
protected:
    static void SetUpTestSuite() {
        EstServer::SetUpTestSuite();
        must({"factory", "init", "--dir", at("factory"), "--maker", "Acme", "--algorithm", "p256"});
        must({"masa", "init", "--dir", at("masa"), "--factory", at("factory"), "--host", "localhost"});
        for (const char* serial : {"SN-1", "SN-7"}) {
            must({"factory", "make", "--dir", at("factory"), "--masa", at("masa"), "--serial", serial, "--out",
                  at(std::string("made-") + serial), "--registrar", "localhost:1"});
        }
        write("ca/ca.toml", std::string(profiles) + more_profiles);
        serve_as("server");
    }

    // berthd anew, with that certificate and key.
    static void serve_as(const std::string& identity) {
        std::string text = std::string(configuration) + "[[est.label]]\nlabel = \"own\"\nprofile = \"own\"\n";
        const auto replace = [&](const std::string& from, const std::string& to) {
            text.replace(text.find(from), from.size(), to);
        };
        // At the same address each time.
        replace("[est]\nlisten = \"127.0.0.1:0\"", fmt::format("[est]\nlisten = \"127.0.0.1:{}\"", ports.at("https")));
        replace("anchors = [\"z1.pem\"]", "anchors = [\"z1.pem\", \"factory/z1.pem\"]");
        replace("chain = \"server.pem\"", "chain = \"" + identity + ".pem\"");
        replace("key = \"file:server.key\"", "key = \"file:" + identity + ".key\"");
        write("berthd.toml", text);
        server.reset();
        start();
    }
    // By the CA that serves the devices as well; its chain without the root.
    static void issue_server(const std::string& name) {
        const auto made = openssl({"req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/",
                                   "-keyout", at(name + ".key"), "-out", at(name + ".csr")});
        ASSERT_EQ(made.exit, 0) << made.all();
        must({"ca", "issue", "--dir", at("ca"), "--profile", "web", "--csr", at(name + ".csr"), "--out", at(name + ".pem")});
        write(name + ".pem", leaf(name).to_pem() + leaf("ca/ca").to_pem());
    }

    void SetUp() override { use("SN-1"); }
    void use(const std::string& serial) {
        static int devices = 0;
        bundle = at(fmt::format("device-{}", ++devices));
        fs::copy(at("made-" + serial), bundle, fs::copy_options::recursive);
    }
    void configure(const std::string& source, const std::string& credential, const std::string& listener = "https",
                   const std::string& trust = "web.pem") const {
        ASSERT_TRUE(app::write_text(
            bundle / "est.toml", fmt::format("[[est]]\nserver = \"localhost:{}\"\ntrust = \"{}\"\n{}\n[[est.credential]]\nname = "
                                             "\"ops\"\nalgorithm = \"p256\"\n{}\n",
                                             ports.at(listener), at(trust), source, credential)));
    }
    [[nodiscard]] program_result renew() const {
        return run_program("berth-agent", {"--bundle", bundle.string(), "--renew-once", "--json"});
    }
    [[nodiscard]] pki::certificate kept(const std::string& name = "ops") const {
        return got(app::read_certificate(bundle / "credentials" / name / "current/certificate.pem"));
    }

    fs::path bundle;
    static constexpr const char* by_birth = "identity = \"idevid\"\nsubject = [\"serialNumber=SN-1\"]";
    static constexpr const char* more_profiles = R"(
[[profile]]
name = "own"
authority = "ca"
requires = ["idevid", "operational"]
subject = "O=Birch,serialNumber={serial}"
keys = ["p256"]
lifetime = "30d"
extended_key_usages = ["clientAuth"]
[[profile]]
name = "web"
authority = "ca"
requires = ["admin"]
subject = "CN=localhost"
dns = ["localhost"]
keys = ["p256"]
lifetime = "30d"
extended_key_usages = ["serverAuth"]
)";
};

TEST_F(KeptHere, ByTheMakersCertificateOverTls) {
    configure("", by_birth);
    const auto done = renew();
    ASSERT_EQ(done.exit, 0) << done.all();
    EXPECT_EQ(kept().subject(), "serialNumber=SN-1,O=Birch");
}

// `revocation = "crl"`: a server whose CA has no list is not believed.
TEST_F(KeptHere, WhereAListIsDemandedTheServersCaHasOne) {
    const unix_seconds now = system_clock().now();
    const auto list = [&](const char* name, const test::authority& by) {
        write(name, got(pki::issue_crl({1, now - 60, now + day, {}}, by.certificate, by.key)).to_pem());
        return fmt::format("crls = [\"{}\"]\nrevocation = \"crl\"", at(name));
    };
    const auto p256 = crypto::signature_algorithm::ecdsa_p256_sha256;
    const auto web = make_root("web", p256, {now - day, now + 100 * day});
    configure(list("others.crl", make_root("others", p256, {now - day, now + day})), by_birth);
    const auto without = renew();
    EXPECT_NE(without.exit, 0);
    EXPECT_THAT(without.all(), HasSubstr("crl_missing"));
    configure(list("web.crl", {leaf("web"), web.key}), by_birth);
    const auto with = renew();
    EXPECT_EQ(with.exit, 0) << with.all();
}

TEST_F(KeptHere, ByTheMakersKemCertificateOverAuthkem) {
    configure("authkem = true", "subject = [\"serialNumber=SN-1\"]\nrenew = \"365day\"\nspread = 0", "authkem");
    const auto done = renew();
    ASSERT_EQ(done.exit, 0) << done.all();
    EXPECT_EQ(kept().subject(), "serialNumber=SN-1,O=Birch");
    EXPECT_FALSE(kept().is_kem());
    EXPECT_THAT(done.all(), testing::Not(HasSubstr("credential_accepted"))) << "it is shown to nobody";
    // Where that port speaks TLS alone, nobody is there for us.
    configure("authkem = true", "subject = [\"serialNumber=SN-1\"]\nrenew = \"365day\"\nspread = 0", "https");
    const auto before = kept();
    EXPECT_NE(renew().exit, 0);
    EXPECT_EQ(kept(), before);
}

TEST_F(KeptHere, ByAPassword) {
    use("SN-7");
    const std::string asked = "identity = \"idevid\"\nsubject = [\"serialNumber=SN-7\"]";
    configure("label = \"password\"", asked);
    EXPECT_EQ(renew().exit, 1) << "without one";
    configure(fmt::format("label = \"password\"\nuser = \"SN-7\"\npassword_file = \"{}\"", at("wrong-password")), asked);
    const auto wrong = renew();
    EXPECT_EQ(wrong.exit, 1) << wrong.all();
    configure(fmt::format("label = \"password\"\nuser = \"SN-7\"\npassword_file = \"{}\"", at("password")), asked);
    const auto done = renew();
    ASSERT_EQ(done.exit, 0) << done.all();
    EXPECT_EQ(kept().subject(), "serialNumber=SN-7");
    EXPECT_THAT(wrong.all() + done.all(), testing::Not(HasSubstr("correct horse")));
}

TEST_F(KeptHere, ByASecretHeader) {
    configure(fmt::format("label = \"line\"\nheader = \"X-Line-Secret\"\nheader_file = \"{}\"", at("wrong-header")), by_birth);
    EXPECT_EQ(renew().exit, 1);
    configure(fmt::format("label = \"line\"\nheader = \"X-Line-Secret\"\nheader_file = \"{}\"", at("header")), by_birth);
    const auto done = renew();
    ASSERT_EQ(done.exit, 0) << done.all();
}

TEST_F(KeptHere, AnotherConfigurationCountsOnSighup) {
    fs::create_directories(bundle / "installed");
    fs::copy(at("web.pem"), bundle / "installed/domain-root.pem");
    ASSERT_TRUE(app::write_text(bundle / "installed/state.json",
                                "{\"customer\":\"Birch\",\"id\":\"00112233445566778899aabbccddeeff\",\"reported\":true,"
                                "\"installed_at\":1,\"registrar\":\"localhost:1\",\"configuration_version\":0}\n"));
    configure("", by_birth);
    const auto text = got(app::read_text(bundle / "est.toml"));
    auto agent = got(
        app::child_process::start(fs::path(BERTH_BIN_DIR) / "berth-agent", {"--bundle", bundle.string(), "--stay", "--json"}));
    std::string said;
    const auto until = [&](const auto& holds) {
        const milliseconds end = system_clock().steady() + 20'000;
        while (!holds() && system_clock().steady() < end && !agent.ended()) {
            app::poll_children({&agent}, 50);
            for (const auto& line : agent.take_error_lines()) {
                said += line + "\n";
            }
        }
        return holds();
    };
    const auto in_use = [&](const std::string& name) {
        return fs::exists(bundle / "credentials" / name / "current/certificate.pem");
    };
    ASSERT_TRUE(until([&] { return in_use("ops"); })) << said;
    // A mistake is told, and changes nothing.
    ASSERT_TRUE(app::write_text(bundle / "est.toml", text + "renew = \"soon\"\n"));
    ::kill(agent.pid(), SIGHUP);
    ASSERT_TRUE(until([&] { return said.find("est_toml_unusable") != std::string::npos; })) << said;
    EXPECT_THAT(said, HasSubstr("stays in force"));
    EXPECT_FALSE(agent.ended());
    ASSERT_TRUE(
        app::write_text(bundle / "est.toml", text + "[[est.credential]]\nname = \"more\"\nalgorithm = \"p256\"\n" + by_birth));
    ::kill(agent.pid(), SIGHUP);
    ASSERT_TRUE(until([&] { return in_use("more"); })) << said;
    EXPECT_THAT(said, HasSubstr("\"reloaded\""));
    EXPECT_TRUE(in_use("ops"));
}

// The server's certificate comes from the CA whose root gets another key.
TEST_F(KeptHere, FollowsTheServersCaToItsNextRoot) {
    fs::copy(at("ca/z2.pem"), at("old-root.pem"));
    issue_server("first");
    serve_as("first");
    const std::string due = std::string(by_birth) + "\nrenew = \"30day\"\nspread = 0";
    configure("label = \"own\"", due, "https", "old-root.pem");
    const auto before = renew();
    ASSERT_EQ(before.exit, 0) << before.all();
    EXPECT_FALSE(fs::exists(bundle / "est-trust")) << "there is nothing to be followed";

    must({"ca", "rotate", "--dir", at("ca"), "--name", "z2", "--algorithm", "p256", "--lifetime", "20y"});
    must({"ca", "rotate", "--dir", at("ca"), "--name", "ca", "--under", "z2", "--algorithm", "p256", "--lifetime", "5y"});
    serve_as("first");
    const fs::path stayed_behind = at("stayed-behind");
    fs::copy(bundle, stayed_behind, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
    configure("label = \"own\"", due, "https", "old-root.pem");
    const auto told = renew();
    ASSERT_EQ(told.exit, 0) << told.all();
    EXPECT_THAT(told.all(), HasSubstr("trust_followed"));

    // The server has a certificate of the new root's: who has followed knows it, and nobody else does.
    issue_server("second");
    serve_as("second");
    configure("label = \"own\"", due, "https", "old-root.pem");
    const auto last = kept();
    const auto after = renew();
    ASSERT_EQ(after.exit, 0) << after.all();
    EXPECT_NE(kept(), last);
    EXPECT_THAT(after.all(), testing::Not(HasSubstr("trust_followed"))) << "once";
    // What was followed is worth as much as what est.toml names.
    configure("label = \"own\"", due, "https", "web.pem");
    const auto others = renew();
    EXPECT_NE(others.exit, 0) << others.all();
    bundle = stayed_behind;
    configure("label = \"own\"", due, "https", "old-root.pem");
    const auto behind = renew();
    EXPECT_NE(behind.exit, 0) << behind.all();
}

}  // namespace
}  // namespace berth::test

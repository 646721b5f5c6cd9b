// The identity service of an onboarded device, asked by local programs of several users: in C, with `berth identity`, with curl.
#include "support/small_world.h"

#include <csignal>

namespace berth::test {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t telemetry = 61'001;  // users that no machine has
constexpr uint32_t reader = 61'002;
constexpr uint32_t stranger = 61'003;

class IdentityService : public small_world {
protected:
    static void SetUpTestSuite() {
        begin({"Birch"});
        auto order = world->order_for("I-1", "Birch");
        order.credentials = {{"device", "p256"}, {"device-pq", "mldsa65"}, {"device-kem", "mlkem768_p256"}};
        bundle = make(order, "Birch");
        ASSERT_EQ(onboard(bundle).exit, 0);
        // Others may come as far as the socket, and no further: keys are 0600.
        fs::permissions(directory->path(), fs::perms(0711));
        socket = directory->path() / "identity.sock";
        config = directory->path() / "identity.toml";
        write_config("[\"sign\", \"decapsulate\"]");
        start();
    }
    static void TearDownTestSuite() {
        service.reset();
        small_world::TearDownTestSuite();
    }
    static void write_config(const std::string& may) {
        ASSERT_TRUE(app::write_text(
            config,
            fmt::format("socket = \"identity.sock\"\n"
                        "[[principal]]\nname = \"telemetry\"\nuid = {}\nidentities = [\"device\", \"device-kem\"]\nmay = {}\n"
                        "[[principal]]\nname = \"reader\"\nuid = {}\nidentities = [\"device-pq\"]\n"
                        "[[principal]]\nname = \"root\"\nuid = 0\nidentities = [\"device\", \"device-pq\"]\nmay = [\"sign\"]\n",
                        telemetry, may, reader)));
    }
    static void start() {
        auto child = app::child_process::start(fs::path(BERTH_BIN_DIR) / "berth-agent",
                                               {"serve", "--bundle", bundle.string(), "--config", config.string(), "--json"});
        ASSERT_TRUE(child) << child.error().message;
        service = std::make_unique<app::child_process>(std::move(*child));
        ASSERT_TRUE(says("\"ready\"")) << "berth-agent serve did not begin";
    }
    // Whether the service says so, on either of its outputs.
    static bool says(const std::string& text, milliseconds most = 20'000) {
        const milliseconds until = system_clock().steady() + most;
        while (system_clock().steady() < until && !service->ended()) {
            app::poll_children({&*service}, 50);
            for (auto lines : {service->take_output_lines(), service->take_error_lines()}) {
                if (std::any_of(lines.begin(), lines.end(), [&](const auto& l) { return l.find(text) != std::string::npos; })) {
                    return true;
                }
            }
        }
        return false;
    }
    static program_result ask(uint32_t uid, std::vector<std::string> what) {
        what.insert(what.begin(), {socket.string(), std::to_string(uid)});
        return run_program(BERTH_IDENTITY_ASK, what);
    }
    static std::string answer(const program_result& r) {
        std::string out;
        for (const auto& line : r.output) {
            out += line + "\n";
        }
        return out;
    }
    static pki::certificate leaf(const std::string& name) {
        return got(app::read_certificate(bundle / "installed" / (name + ".pem")));
    }

    static inline fs::path bundle, socket, config;
    static inline std::unique_ptr<app::child_process> service;
};

#define NEEDS_ROOT()                                                     \
    if (::geteuid() != 0) {                                              \
        GTEST_SKIP() << "only root can become other users: run as root"; \
    }                                                                    \
    static_assert(true)

TEST_F(IdentityService, TwoUsersGetWhatIsTheirsAndAThirdIsRefused) {
    NEEDS_ROOT();
    const auto mine = ask(telemetry, {"list"});
    ASSERT_EQ(mine.exit, 0) << mine.all();
    EXPECT_NE(answer(mine).find("\"device-kem\""), std::string::npos);
    EXPECT_EQ(answer(mine).find("device-pq"), std::string::npos) << "another's identity is not even told";
    EXPECT_EQ(ask(reader, {"certificate", "device-pq"}).exit, 0);

    for (const auto& [uid, what] : std::vector<std::pair<uint32_t, std::vector<std::string>>>{
             {stranger, {"list"}},
             {stranger, {"trust"}},
             {stranger, {"sign", "device", "x"}},
             {reader, {"sign", "device-pq", "x"}},
             {reader, {"certificate", "device"}},
             {reader, {"sign", "device", "x"}},
             {telemetry, {"sign", "device-pq", "x"}},
         }) {
        const auto refused = ask(uid, what);
        EXPECT_EQ(refused.exit, 1) << uid << " " << what[0] << refused.all();
        EXPECT_EQ(answer(refused), "not_allowed\n");
    }
    EXPECT_TRUE(says("identity_refused")) << "and the log says so";
}

TEST_F(IdentityService, APairOfProgramsSignsAndDecapsulates) {
    NEEDS_ROOT();
    const auto signature = ask(telemetry, {"sign", "device", "a message"});
    ASSERT_EQ(signature.exit, 0) << signature.all();
    const auto key = got(leaf("device").verification_key());
    EXPECT_TRUE(key.verify(as_bytes("a message"), got(from_hex(signature.output.at(0)))));

    const auto sent = got(leaf("device-kem").kem_key()).encapsulate(crypto::system_random());
    const auto secret = ask(telemetry, {"decapsulate", "device-kem", to_hex(sent.enc)});
    ASSERT_EQ(secret.exit, 0) << secret.all();
    EXPECT_EQ(secret.output.at(0), to_hex(sent.shared_secret.reveal()));
    EXPECT_EQ(answer(ask(telemetry, {"decapsulate", "device-kem", "00ff"})), "bad_encapsulation\n");
}

TEST_F(IdentityService, AReloadTakesRightsAway) {
    NEEDS_ROOT();
    ASSERT_EQ(ask(telemetry, {"sign", "device", "x"}).exit, 0);
    write_config("[]");
    ::kill(service->pid(), SIGHUP);
    ASSERT_TRUE(says("\"reloaded\""));
    EXPECT_EQ(answer(ask(telemetry, {"sign", "device", "x"})), "not_allowed\n");
    ASSERT_TRUE(app::write_text(config, "socket = 1\n"));
    ::kill(service->pid(), SIGHUP);
    ASSERT_TRUE(says("not_reloaded"));
    EXPECT_EQ(ask(telemetry, {"list"}).exit, 0) << "the former principals stay";
    write_config("[\"sign\", \"decapsulate\"]");
    ::kill(service->pid(), SIGHUP);
    ASSERT_TRUE(says("\"reloaded\""));
    EXPECT_EQ(ask(telemetry, {"sign", "device", "x"}).exit, 0);
}

TEST_F(IdentityService, TheCommandAndCurlAskTheSame) {
    NEEDS_ROOT();
    const auto list = berth({"identity", "list", "--socket", socket.string()});
    EXPECT_EQ(list.exit, 0) << list.all();
    EXPECT_NE(answer(list).find("mldsa65"), std::string::npos);
    ASSERT_TRUE(app::write_text(directory->path() / "message", "by the command"));
    const auto out = (directory->path() / "signature").string();
    const auto signed_it = berth({"identity", "sign", "device-pq", "--socket", socket.string(), "--in",
                                  (directory->path() / "message").string(), "--out", out});
    ASSERT_EQ(signed_it.exit, 0) << signed_it.all();
    const auto key = got(leaf("device-pq").verification_key());
    EXPECT_TRUE(key.verify(as_bytes("by the command"), as_bytes(got(app::read_text(out)))));
    const auto refused = berth({"--json", "identity", "decapsulate", "device-kem", "--socket", socket.string(), "--in", out});
    EXPECT_EQ(refused.exit, 1);
    EXPECT_EQ(refused.error_name(), "not_allowed");

    const auto trust = run_program("/usr/bin/curl", {"-sS", "--unix-socket", socket.string(), "http://localhost/v1/trust"});
    ASSERT_EQ(trust.exit, 0) << trust.all();
    EXPECT_EQ(answer(trust), got(app::read_text(bundle / "installed" / "domain-root.pem")));
}

TEST(IdentityServiceAlone, SaysWhatIsWrong) {
    temporary_directory directory;
    const auto serve = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "serve");
        return run_program("berth-agent", arguments);
    };
    EXPECT_EQ(serve({}).exit, 2);
    EXPECT_EQ(serve({"--help"}).exit, 0);
    EXPECT_EQ(serve({"--bundle", "x", "--config", (directory.path() / "none").string()}).exit, 3);
    ASSERT_TRUE(app::write_text(directory.path() / "identity.toml", "socket = \"s\"\nprincipals = []\n"));
    const auto wrong = serve({"--bundle", "x", "--config", (directory.path() / "identity.toml").string()});
    EXPECT_EQ(wrong.exit, 2);
    EXPECT_NE(wrong.all().find("principals"), std::string::npos) << wrong.all();
    const auto nobody = berth({"--json", "identity", "list", "--socket", (directory.path() / "s").string()});
    EXPECT_EQ(nobody.exit, 3);
    EXPECT_EQ(nobody.error_name(), "connect_failed");
    const auto null = run_program(BERTH_IDENTITY_ASK, {"nowhere", std::to_string(::getuid()), "null"});
    EXPECT_EQ(null.exit, 2);
    EXPECT_EQ(null.output.at(0), "bad_argument");
}

}  // namespace
}  // namespace berth::test

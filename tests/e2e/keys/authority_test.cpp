// Authorities whose keys are in a token: a factory, a MASA, a customer's CA and registrar, served by berthd to a device. No
// private key is in any of their directories.
#include "key_places.h"

#include <fstream>

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class Authorities : public testing::Test {
protected:
    void SetUp() override { BERTH_NEEDS_SOFTHSM(); }
    [[nodiscard]] std::string at(const std::string& name) const { return (directory.path() / name).string(); }
    void put(const std::string& name, const std::string& text) const {
        fs::create_directories(fs::path(at(name)).parent_path());
        std::ofstream(at(name)) << text << "\n";
    }
    static void must(std::vector<std::string> arguments) {
        const auto r = berth(arguments);
        ASSERT_EQ(r.exit, 0) << r.all();
    }
    // How many files below a directory hold a private key.
    [[nodiscard]] size_t private_keys(const std::string& below) const {
        size_t out = 0;
        for (const auto& entry : fs::recursive_directory_iterator(at(below))) {
            std::ifstream in(entry.path(), std::ios::binary);
            const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
            out += text.find("PRIVATE KEY") != std::string::npos ? 1 : 0;
        }
        return out;
    }
    void make_token_ca() {
        put("ca/z2.uri", in_token("z2"));
        put("ca/ca.uri", in_token("ca"));
        must({"ca", "init", "--dir", at("ca"), "--customer", "Birch", "--algorithm", "p384"});
    }
    void TearDown() override {
        for (const char* name : {"z1", "idevid-ca", "z2", "ca", "z4", "z5", "z5-spare"}) {
            if (softhsm::installed()) {
                berth({"key", "delete", in_token(name)});
            }
        }
    }
    temporary_directory directory;
};

TEST_F(Authorities, ACaWithoutAKeyFile) {
    make_token_ca();
    EXPECT_EQ(private_keys("ca"), 0U);
    EXPECT_EQ(exit_of(spawn({BERTH_OPENSSL_COMMAND, "verify", "-CAfile", at("ca/z2.pem"), at("ca/ca.pem")}, at("log"))), 0);
}

// Keys that somebody has made in the token before are taken as they are.
TEST_F(Authorities, TakesAKeyThatIsThere) {
    must({"key", "generate", in_token("z2"), "--alg", "p384", "--out", at("z2.pub")});
    make_token_ca();
    const auto shown = berth({"--json", "key", "show", in_token("z2")});
    std::ifstream in(at("z2.pub"));
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    EXPECT_EQ(shown.json().at("public_key").as_string(), text);
}

TEST_F(Authorities, AnAlgorithmThatTheKeyIsNotOf) {
    must({"key", "generate", in_token("z2"), "--alg", "p256"});
    put("ca/z2.uri", in_token("z2"));
    const auto refused = berth({"--json", "ca", "init", "--dir", at("ca"), "--customer", "Birch", "--algorithm", "p384"});
    EXPECT_EQ(refused.error_name(), "wrong_algorithm") << refused.all();
    EXPECT_EQ(refused.exit, 2);
    EXPECT_FALSE(fs::exists(at("ca/z2.pem")));
    put("ca2/z2.uri", in_token("new"));
    const auto unable = berth({"--json", "ca", "init", "--dir", at("ca2"), "--customer", "Birch", "--algorithm", "mldsa65"});
    EXPECT_EQ(unable.error_name(), "operation_unsupported") << unable.all();
    EXPECT_NE(berth({"key", "show", in_token("new")}).exit, 0) << "nothing was made";
}

// berthd in the background; the ports that it has bound, by role and name.
class running_berthd {
public:
    explicit running_berthd(const std::string& config)
        : child_(*app::child_process::start(fs::path(BERTH_BIN_DIR) / "berthd", {"--config", config})) {
        const milliseconds until = system_clock().steady() + 30'000;
        for (bool ready = false; !ready && !child_.ended() && system_clock().steady() < until;) {
            app::poll_children({&child_}, 50);
            for (const auto& line : child_.take_output_lines()) {
                const auto event = wire::parse_json_object(line);
                if (event && event->contains("port")) {
                    port_ = event->at("port").as_int64();
                }
                ready = ready || (event && event->at("event").as_string() == "ready");
            }
        }
    }
    [[nodiscard]] int64_t port() const { return port_; }
    std::string errors() {
        app::poll_children({&child_}, 50);
        return fmt::format("{}", fmt::join(child_.take_error_lines(), "\n"));
    }

private:
    app::child_process child_;
    int64_t port_ = 0;
};

TEST_F(Authorities, ServeADeviceFromAToken) {
    for (const char* name : {"factory/z1", "factory/idevid-ca", "masa/z5", "masa/z5-spare", "registrar/z4"}) {
        put(std::string(name) + ".uri", in_token(fs::path(name).filename().string()));
    }
    must({"factory", "init", "--dir", at("factory"), "--maker", "Acme", "--algorithm", "p384"});
    must({"masa", "init", "--dir", at("masa"), "--factory", at("factory"), "--host", "localhost", "--listen", "127.0.0.1:0"});
    make_token_ca();
    running_berthd masa(at("masa/berthd.toml"));
    ASSERT_NE(masa.port(), 0) << masa.errors();
    must({"ca", "prove", "--dir", at("ca"), "--customer", "Birch", "--maker-root", at("factory/z1.pem"), "--out", at("proof")});
    must({"customer", "register", "Birch", "--masa", at("masa"), "--root", at("ca/z2.pem"), "--proof", at("proof"),
          "--maker-root", at("factory/z1.pem")});
    must({"registrar", "init", "--dir", at("registrar"), "--ca", at("ca"), "--host", "localhost", "--maker-root",
          at("factory/z1.pem"), "--masa", fmt::format("127.0.0.1:{}", masa.port()), "--masa-host", "localhost", "--listen",
          "127.0.0.1:0"});
    const auto checked = run_program("berthd", {"check", at("registrar/berthd.toml")});
    EXPECT_EQ(checked.exit, 0) << checked.all();
    running_berthd registrar(at("registrar/berthd.toml"));
    ASSERT_NE(registrar.port(), 0) << registrar.errors();
    // The audit log's key is the one that stays in a file: it is ML-DSA.
    EXPECT_EQ(private_keys("factory") + private_keys("ca") + private_keys("registrar"), 0U);
    EXPECT_EQ(private_keys("masa"), 1U);

    must({"factory", "make", "--dir", at("factory"), "--masa", at("masa"), "--serial", "HSM-1", "--out", at("device"),
          "--registrar", fmt::format("127.0.0.1:{}", registrar.port())});
    must({"ownership", "assign", "HSM-1", "Birch", "--masa", at("masa")});
    const auto onboarded = berth({"--json", "device", "onboard", "--bundle", at("device")});
    EXPECT_EQ(onboarded.exit, 0) << onboarded.all() << registrar.errors() << masa.errors();
    EXPECT_TRUE(fs::exists(at("device/installed/device.pem")));
}

}  // namespace
}  // namespace berth::test

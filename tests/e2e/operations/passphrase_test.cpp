// Private keys encrypted at rest, and opened with --passphrase-file or passphrase_file: never by argument or environment.
#include "common/files.h"
#include "support/onboarding_parties.h"
#include "support/programs.h"

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class Passphrases : public testing::Test {
protected:
    Passphrases() {
        write("maker.pass", "correct horse\n");
        write("customer.pass", "battery staple");
        write("wrong.pass", "wrong\n");
        write("empty.pass", "\n");
    }
    [[nodiscard]] std::string at(const std::string& name) const { return (directory.path() / name).string(); }
    void write(const std::string& name, const std::string& text) const { ASSERT_TRUE(app::write_text(at(name), text, 0600)); }
    static void expect_refused(const program_result& r, const std::string& name) {
        EXPECT_EQ(r.error_name(), name) << r.all();
        EXPECT_EQ(r.exit, 2) << r.all();
        EXPECT_EQ(r.all().find("horse"), std::string::npos) << "the passphrase is not repeated";
    }
    // berthd until it is ready, or has ended.
    program_result start(const std::string& config) const {
        program_result out;
        auto child = app::child_process::start(fs::path(BERTH_BIN_DIR) / "berthd", {"--config", config});
        const milliseconds until = system_clock().steady() + 20'000;
        while (child && !child->ended() && system_clock().steady() < until) {
            app::poll_children({&*child}, 50);
            for (auto& line : child->take_output_lines()) {
                out.output.push_back(line);
                if (line.find("\"ready\"") != std::string::npos) {
                    out.exit = 0;
                    return out;
                }
            }
        }
        for (auto& line : child->take_error_lines()) {
            out.errors.push_back(std::move(line));
        }
        out.exit = child->exit_code().value_or(-1);
        return out;
    }

    temporary_directory directory;
};

TEST_F(Passphrases, FromTheFactoryToTheDevice) {
    ASSERT_EQ(berth({"factory", "init", "--dir", at("factory"), "--maker", "Acme", "--passphrase-file", at("maker.pass")}).exit,
              0);
    const std::vector<std::string> init{"--json",      "masa",   "init",      "--dir",    at("masa"),   "--factory",
                                        at("factory"), "--host", "m.example", "--listen", "127.0.0.1:0"};
    const auto masa_init = [&](std::vector<std::string> more) {
        more.insert(more.begin(), init.begin(), init.end());
        return berth(more);
    };
    expect_refused(masa_init({}), "passphrase_required");
    expect_refused(masa_init({"--factory-passphrase-file", at("wrong.pass")}), "wrong_passphrase");
    expect_refused(masa_init({"--factory-passphrase-file", at("empty.pass")}), "empty_passphrase");
    EXPECT_FALSE(fs::exists(at("masa/berthd.toml")));
    fs::permissions(at("maker.pass"), fs::perms::owner_read | fs::perms::others_read);
    EXPECT_EQ(masa_init({"--factory-passphrase-file", at("maker.pass")}).error_name(), "unsafe_permissions");
    fs::permissions(at("maker.pass"), fs::perms::owner_read | fs::perms::owner_write);
    const auto made = masa_init({"--factory-passphrase-file", at("maker.pass"), "--passphrase-file", at("maker.pass")});
    ASSERT_EQ(made.exit, 0) << made.all();
    const auto device = berth({"--json", "factory", "make", "--dir", at("factory"), "--masa", at("masa"), "--serial", "P-1",
                               "--out", at("device"), "--registrar", "127.0.0.1:1", "--passphrase-file", at("maker.pass"),
                               "--bundle-passphrase-file", at("customer.pass")});
    ASSERT_EQ(device.exit, 0) << device.all();
    for (const char* file : {"factory/z1.key", "factory/idevid-ca.key", "factory/idevid-ca-classical.key", "masa/z5.key",
                             "masa/z5-spare.key", "masa/audit.key", "device/p3.pem", "device/p3-sig.pem"}) {
        EXPECT_THAT(got(app::read_text(at(file))), testing::StartsWith("-----BEGIN ENCRYPTED PRIVATE KEY-----")) << file;
        EXPECT_EQ(fs::status(at(file)).permissions(), fs::perms::owner_read | fs::perms::owner_write) << file;
    }
    EXPECT_EQ(berth({"device", "show", "--bundle", at("device")}).exit, 0) << "device.toml names the file";
    expect_refused(berth({"--json", "device", "show", "--bundle", at("device"), "--passphrase-file", at("wrong.pass")}),
                   "wrong_passphrase");
    EXPECT_EQ(run_program("berth-agent", {"--bundle", at("device"), "--once", "--passphrase-file", at("wrong.pass")}).exit, 2);

    EXPECT_EQ(start(at("masa/berthd.toml")).exit, 0);
    write("maker.pass", "another\n");
    const auto locked_out = start(at("masa/berthd.toml"));
    EXPECT_EQ(locked_out.exit, 2) << locked_out.all();
    EXPECT_THAT(locked_out.all(), testing::HasSubstr("[wrong_passphrase]"));
    EXPECT_THAT(locked_out.all(), testing::HasSubstr("z5.key")) << "which key it is";
}

TEST_F(Passphrases, TheCustomersKeys) {
    ASSERT_EQ(berth({"factory", "init", "--dir", at("factory"), "--maker", "Acme"}).exit, 0);
    ASSERT_EQ(berth({"ca", "init", "--dir", at("ca"), "--customer", "Birch", "--passphrase-file", at("customer.pass")}).exit, 0);
    const auto prove = [&](const std::string& file) {
        return berth({"--json", "ca", "prove", "--dir", at("ca"), "--customer", "Birch", "--maker-root", at("factory/z1.pem"),
                      "--out", at("proof"), "--passphrase-file", at(file)});
    };
    expect_refused(prove("wrong.pass"), "wrong_passphrase");
    EXPECT_FALSE(fs::exists(at("proof")));
    EXPECT_EQ(prove("customer.pass").exit, 0);
    const auto made = berth({"--json", "registrar", "init", "--dir", at("registrar"), "--ca", at("ca"), "--host", "localhost",
                             "--maker-root", at("factory/z1.pem"), "--masa", "127.0.0.1:1", "--listen", "127.0.0.1:0",
                             "--ca-passphrase-file", at("customer.pass"), "--passphrase-file", at("customer.pass")});
    ASSERT_EQ(made.exit, 0) << made.all();
    EXPECT_THAT(got(app::read_text(at("registrar/z4.key"))), testing::StartsWith("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    EXPECT_EQ(start(at("registrar/berthd.toml")).exit, 0);
}

}  // namespace
}  // namespace berth::test

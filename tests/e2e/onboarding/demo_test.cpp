// berth demo: every step and every refusal, a device of each back end, and whether it would notice a private key in a file.
#include "common/files.h"
#include "support/onboarding_parties.h"
#include "support/programs.h"
#include "support/swtpm.h"

#include <algorithm>
#include <csignal>
#include <thread>

namespace berth::test {
namespace {

namespace fs = std::filesystem;

constexpr milliseconds most = 150'000;

class Demo : public testing::Test {
protected:
    void SetUp() override {
        BERTH_NEEDS_SWTPM();
        fs::create_directory(at("tmp"));
    }
    [[nodiscard]] std::string at(const std::string& name) const { return (directory.path() / name).string(); }
    // Its temporary files below ours, so that what is left can be told.
    [[nodiscard]] std::vector<std::string> in(const std::string& dir, std::vector<std::string> more = {}) const {
        std::vector<std::string> out{
            "TMPDIR=" + at("tmp"), std::string(BERTH_BIN_DIR) + "/berth", "--json", "demo", "--dir", at(dir)};
        out.insert(out.end(), more.begin(), more.end());
        return out;
    }
    // Nothing that it has started runs, and no temporary file is there. What its helpers have started may need a moment.
    void expect_nobody_left() const {
        std::string left = running();
        for (int i = 0; i < 50 && !left.empty(); ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
            left = running();
        }
        EXPECT_EQ(left, "");
        EXPECT_TRUE(fs::is_empty(at("tmp")));
    }
    [[nodiscard]] std::string running() const {
        for (const auto& process : fs::directory_iterator("/proc")) {
            const auto command = app::read_text(process.path() / "cmdline");
            if (command && command->find(directory.path().string()) != std::string::npos) {
                return *command;
            }
        }
        return "";
    }

    temporary_directory directory;
};

TEST_F(Demo, ShowsEveryStepEveryRefusalAndWhereKeysAre) {
    const auto r = run_program("berth", {"demo", "--devices", "3"}, most);
    EXPECT_EQ(r.exit, 0) << r.all();
    const std::string all = r.all();
    for (int step = 1; step <= 14; ++step) {
        EXPECT_THAT(all, testing::HasSubstr(fmt::format("S{:<2}", step)));
    }
    for (const char* text :
         {"`not_assigned`", "`registrar_mismatch`", "`decrypt_error`", "`bad_certificate`", "device-pq.pem: OK",
          "files p3.pem, p3-sig.pem", "TPM handles 0x81020002, 0x81020000", "STSAFE slots 2, 1", "grep -rl \"PRIVATE KEY\"",
          "none: no private key of a device with a chip is in a file", "dev-3, of that CA, asks where it belongs",
          "dev-1 is disabled while it is connected: cut off after", "and refused when it comes again"}) {
        EXPECT_THAT(all, testing::HasSubstr(text));
    }
    EXPECT_THAT(all, testing::Not(testing::HasSubstr("\x1b["))) << "no colours in a pipe";
}

TEST_F(Demo, HasDevicesOfEachBackEndAndTellsWhereTheirKeysLive) {
    // What stands in this directory's name, names of keys and the options of swtpm cannot say.
    const auto r = run_program("/usr/bin/env", in("a demo; of, three", {"--devices", "5"}), most);
    ASSERT_EQ(r.exit, 0) << r.all();
    std::vector<wire::json::object> lines;
    for (const auto& line : r.output) {
        lines.push_back(got(wire::parse_json_object(line)));
    }
    const std::vector<std::string> backends{"software", "tpm2", "stsafe", "software", "tpm2"};
    for (size_t i = 0; i < backends.size(); ++i) {
        EXPECT_EQ(lines[i].at("backend").as_string(), backends[i]);
        EXPECT_EQ(lines[i].at("result").as_string(), "onboarded");
        EXPECT_EQ(lines[i].at("key_lives_in").as_string(), backends[i] == "software" ? "files p3.pem, p3-sig.pem"
                                                           : backends[i] == "tpm2"   ? "TPM handles 0x81020002, 0x81020000"
                                                                                     : "STSAFE slots 2, 1");
    }
    // Five keys of the first, four of each of the others, whose chips make no ML-DSA keys.
    std::map<std::string, size_t> keys;
    for (const auto& line : lines) {
        if (line.contains("key")) {
            const std::string backend(line.at("backend").as_string());
            ++keys[backend];
            EXPECT_EQ(line.at("exportable").as_bool(), backend == "software");
        }
    }
    EXPECT_EQ(keys, (std::map<std::string, size_t>{{"software", 5}, {"tpm2", 4}, {"stsafe", 4}}));
    const auto grep = std::find_if(lines.begin(), lines.end(), [](const auto& line) { return line.contains("private_keys"); });
    ASSERT_NE(grep, lines.end());
    EXPECT_EQ(grep->at("private_keys").to_number<int>(), 0);
    EXPECT_TRUE(lines.back().at("ok").as_bool());
    // As it says, so it is; and where there are keys in files, the same look finds them.
    const std::string command(grep->at("command").as_string());
    const auto again = run_program("/bin/sh", {"-c", command});
    EXPECT_EQ(again.exit, 1) << again.all();
    EXPECT_EQ(
        run_program("/bin/sh", {"-c", "exec grep -rl 'PRIVATE KEY' '" + at("a demo; of, three") + "/devices/software'"}).exit, 0);
    EXPECT_TRUE(fs::exists(at("a demo; of, three") + "/devices/tpm2/SN-0005/installed/device.uri"));
    expect_nobody_left();
}

TEST_F(Demo, FailsWhenAPrivateKeyLiesBesideATpm) {
    auto demo = app::child_process::start("/usr/bin/env", in("demo", {"--devices", "3"}));
    ASSERT_TRUE(demo);
    const fs::path beside = fs::path(at("demo")) / "devices/tpm2";
    bool put = false;
    const auto r = collect(*demo, most, [&] {
        app::poll_children({&*demo}, 20);
        if (!put && fs::exists(beside)) {
            put = app::write_text(beside / "forgotten.pem", "-----BEGIN PRIVATE KEY-----\n").has_value();
        }
    });
    ASSERT_TRUE(put) << r.all();
    EXPECT_EQ(r.exit, 4) << r.all();
    EXPECT_THAT(r.all(), testing::AllOf(testing::HasSubstr("demo_failed"), testing::HasSubstr("\"private_keys\":1")));
    expect_nobody_left();
}

TEST_F(Demo, SaysWhatToInstallWhereThereIsNoTpm) {
    auto without = in("demo");
    without.insert(without.begin(), "PATH=/nonexistent");
    const auto r = run_program("/usr/bin/env", without, most);
    EXPECT_EQ(r.exit, 3) << r.all();
    EXPECT_EQ(r.error_name(), "program_missing") << r.all();
    EXPECT_THAT(r.all(),
                testing::AllOf(testing::HasSubstr("scripts/bootstrap"), testing::HasSubstr("apt-get install swtpm swtpm-tools")));
    expect_nobody_left();
}

// As Ctrl-C does where there is no terminal: to the command alone. While a TPM is being made, and when all chips run.
TEST_F(Demo, InterruptedSaysSoAndLeavesNobodyBehind) {
    for (const char* sign : {"chips/SN-0002", "devices/stsafe/SN-0003"}) {
        const std::string dir = std::string("until-") + fs::path(sign).filename().string();
        auto demo = app::child_process::start("/usr/bin/env", in(dir, {"--devices", "500"}));
        ASSERT_TRUE(demo);
        bool asked = false;
        const auto r = collect(*demo, most, [&] {
            app::poll_children({&*demo}, 20);
            if (!asked && fs::exists(fs::path(at(dir)) / sign)) {
                ::kill(demo->pid(), SIGINT);
                asked = true;
            }
        });
        ASSERT_TRUE(asked) << r.all();
        EXPECT_EQ(r.exit, 3) << r.all();
        EXPECT_EQ(r.error_name(), "interrupted") << r.all();
        EXPECT_THAT(r.all(), testing::Not(testing::HasSubstr("demo_failed")));
        expect_nobody_left();
    }
}

}  // namespace
}  // namespace berth::test

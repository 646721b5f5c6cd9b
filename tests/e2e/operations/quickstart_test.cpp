// berth quickstart, and the commands that it prints.
#include "support/onboarding_parties.h"
#include "support/programs.h"

#include <csignal>

namespace berth::test {
namespace {

program_result run_shell(const std::string& command) {
    return run_program("/bin/sh", {"-c", command});
}

TEST(Quickstart, ItsCommandsWorkAsPrinted) {
    temporary_directory directory;
    const std::string dir = (directory.path() / "q").string();
    auto child =
        app::child_process::start(std::filesystem::path(BERTH_BIN_DIR) / "berth", {"--json", "quickstart", "--dir", dir});
    ASSERT_TRUE(child);
    wire::json::object said;
    const milliseconds until = system_clock().steady() + 25'000;
    while (said.empty() && !child->ended() && system_clock().steady() < until) {
        app::poll_children({&*child}, 50);
        for (const auto& line : child->take_output_lines()) {
            said = got(wire::parse_json_object(line));
        }
    }
    ASSERT_FALSE(said.empty());
    const auto& commands = said.at("commands").as_object();
    const auto run = [&](const char* name) { return run_shell(std::string(commands.at(name).as_string())); };
    const auto onboarded = run("onboard");
    EXPECT_EQ(onboarded.exit, 0) << onboarded.all();
    EXPECT_THAT(onboarded.all(), testing::HasSubstr("Onboarded by"));
    // EST: a certificate for today, by the one that the onboarding has given.
    const auto certified = run("certificate");
    EXPECT_EQ(certified.exit, 0) << certified.all();
    EXPECT_THAT(run("credentials").all(), testing::HasSubstr("today: valid"));
    const auto devices = run("devices");
    EXPECT_EQ(devices.exit, 0);
    EXPECT_THAT(devices.all(), testing::HasSubstr("SN-0001"));
    const auto log = run("log");
    EXPECT_EQ(log.exit, 0);
    EXPECT_THAT(log.all(), testing::HasSubstr("installed"));
    ASSERT_EQ(run("another_device").exit, 0);
    ASSERT_EQ(run("assign").exit, 0);
    const auto second = berth({"--json", "device", "onboard", "--bundle", dir + "/devices/SN-0002"});
    EXPECT_EQ(second.exit, 0) << second.all();
    for (const auto& file : said.at("files").as_object()) {
        EXPECT_TRUE(std::filesystem::exists(std::string(file.value().as_string()))) << std::string_view(file.key());
    }
    // A second quickstart does not overwrite the first.
    EXPECT_EQ(berth({"--json", "quickstart", "--dir", dir}).error_name(), "file_exists");
    ::kill(child->pid(), SIGINT);
    while (!child->ended() && system_clock().steady() < until + 20'000) {
        app::poll_children({&*child}, 50);
    }
    EXPECT_EQ(child->exit_code(), 0);
    EXPECT_EQ(berth({"device", "config", "--bundle", dir + "/devices/SN-0002"}).exit, 3) << "its servers have gone with it";
}

}  // namespace
}  // namespace berth::test

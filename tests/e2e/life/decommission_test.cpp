// The end of a device, killed at each of its steps; and a history that somebody has changed.
#include "support/small_world.h"

#include <fcntl.h>

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class Decommission : public small_world {
protected:
    static void SetUpTestSuite() { begin({"Birch"}); }
    static fs::path onboarded(const std::string& serial) {
        const auto bundle = make(serial, "Birch");
        EXPECT_EQ(onboard(bundle).exit, 0);
        return bundle;
    }
    static program_result show(const fs::path& bundle, std::vector<std::string> more = {}) {
        more.insert(more.begin(), {"--json", "device", "lifecycle", "show", "--bundle", bundle.string()});
        return berth(more);
    }
    static std::string log_of(const fs::path& bundle) { return got(app::read_text(bundle / "lifecycle.log")); }
};

TEST_F(Decommission, GoesOnAfterAKillAtAnyMoment) {
    int number = 0;
    for (const auto& [point, count] :
         {std::pair("begun", 1), std::pair("after_overwriting", 1), std::pair("after_overwriting", 4), std::pair("after_file", 1),
          std::pair("after_file", 5), std::pair("after_folder", 2), std::pair("wiped", 1), std::pair("recorded", 1)}) {
        const auto bundle = onboarded(fmt::format("K-{}", ++number));
        ASSERT_TRUE(app::write_text(bundle / "est.toml", "# the owner's\n"));
        const auto z3 = got(app::read_text(bundle / "z3.pem"));
        const auto killed = run_program(
            fs::path(BERTH_FAULTS_DIR) / "decommission-faults", {bundle.string()}, 60'000,
            {std::string("BERTH_FAULT=berth-fault-point:decommission.") + point, fmt::format("BERTH_FAULT_COUNT={}", count)});
        ASSERT_EQ(killed.exit, 128 + 9) << point << " was never reached: " << killed.all();
        const bool ended = std::string_view(point) == "recorded";
        const auto between = show(bundle).json();
        EXPECT_EQ(between.at("phase").as_string(), "decommissioned") << point;
        EXPECT_EQ(between.at("unfinished").as_bool(), !ended) << point;
        EXPECT_EQ(onboard(bundle).error_name(), "decommissioned") << point;
        EXPECT_EQ(berth({"--json", "device", "lifecycle", "recommission", "--bundle", bundle.string(), "--yes"}).exit,
                  ended ? 0 : 2);
        if (ended) {
            continue;
        }
        // What was begun was confirmed.
        const auto again = berth({"--json", "device", "lifecycle", "decommission", "--bundle", bundle.string()});
        ASSERT_EQ(again.exit, 0) << point << again.all();
        EXPECT_TRUE(again.json().at("resumed").as_bool());
        const auto after = show(bundle).json();
        EXPECT_FALSE(after.at("unfinished").as_bool()) << point;
        EXPECT_TRUE(after.at("intact").as_bool()) << point;
        EXPECT_EQ(after.at("history").as_array().back().at("about").as_string(), "by the test");
        for (const char* gone : {"installed", "credentials", "pending", "est.toml"}) {
            EXPECT_FALSE(fs::exists(bundle / gone)) << point << " " << gone;
        }
        EXPECT_EQ(got(app::read_text(bundle / "z3.pem")), z3);
    }
}

TEST_F(Decommission, AFileIsOverwrittenBeforeItsNameGoes) {
    const auto bundle = onboarded("O-1");
    const auto key = bundle / "installed/device.key";
    ASSERT_THAT(got(app::read_text(key)), testing::HasSubstr("PRIVATE KEY"));
    // Whoever has the file open sees what becomes of its octets.
    const int fd = ::open(key.c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(berth({"device", "lifecycle", "decommission", "--bundle", bundle.string(), "--yes"}).exit, 0);
    std::array<char, 512> left{};
    const auto n = ::pread(fd, left.data(), left.size(), 0);
    ::close(fd);
    ASSERT_GT(n, 0);
    EXPECT_TRUE(std::all_of(left.begin(), left.begin() + n, [](char c) { return c == 0; }));
}

TEST_F(Decommission, SecretsThatEstTomlNamesGoAndTheMakersFilesStay) {
    const auto bundle = onboarded("S-1");
    ASSERT_TRUE(app::write_text(bundle / "password", "correct horse\n", 0600));
    ASSERT_TRUE(app::write_text(directory->path() / "elsewhere", "of others as well\n", 0600));
    ASSERT_TRUE(
        app::write_text(bundle / "est.toml",
                        fmt::format("[[est]]\nserver = \"localhost:1\"\nuser = \"S-1\"\npassword_file = \"password\"\n"
                                    "header = \"X-Line\"\nheader_file = \"{}\"\n[[est.credential]]\nname = \"d\"\n"
                                    "algorithm = \"p256\"\n[[est]]\nserver = \"localhost:2\"\nuser = \"S-1\"\npassword_file = "
                                    "\"p3.pem\"\n[[est.credential]]\nname = \"e\"\nalgorithm = \"p256\"\n",
                                    (directory->path() / "elsewhere").string())));
    const auto p3 = got(app::read_text(bundle / "p3.pem"));
    const auto done = berth({"device", "lifecycle", "decommission", "--bundle", bundle.string(), "--yes"});
    ASSERT_EQ(done.exit, 0) << done.all();
    EXPECT_FALSE(fs::exists(bundle / "password"));
    EXPECT_TRUE(fs::exists(directory->path() / "elsewhere"));
    EXPECT_EQ(got(app::read_text(bundle / "p3.pem")), p3);
}

TEST_F(Decommission, AnAgentThatRunsIsNotWipedFromUnder) {
    const auto bundle = onboarded("A-1");
    ASSERT_TRUE(app::write_text(bundle / "est.toml",
                                "[[est]]\nserver = \"localhost:1\"\ntrust = \"installed\"\n[[est.credential]]\nname = \"d\"\n"
                                "algorithm = \"p256\"\nidentity = \"device\"\n"));
    auto agent = got(app::child_process::start(fs::path(BERTH_BIN_DIR) / "berth-agent", {"--bundle", bundle.string(), "--stay"}));
    ASSERT_TRUE(eventually([&] {
        app::poll_children({&agent}, 50);
        return fs::exists(bundle / "credentials/agent.lock") &&
               berth({"--json", "device", "lifecycle", "decommission", "--bundle", bundle.string(), "--yes"}).error_name() ==
                   "agent_running";
    }));
    EXPECT_TRUE(fs::exists(bundle / "installed/device.key"));
    EXPECT_EQ(show(bundle).json().at("phase").as_string(), "operational");
}

TEST_F(Decommission, AHistoryThatWasChangedIsFound) {
    const auto bundle = onboarded("H-1");
    const auto before = log_of(bundle);
    const auto noted = std::string(show(bundle).json().at("history").as_array().back().at("hash").as_string());
    EXPECT_EQ(show(bundle, {"--contains", noted}).exit, 0);
    const auto for_people = berth({"device", "lifecycle", "show", "--bundle", bundle.string()});
    EXPECT_THAT(for_people.all(), testing::HasSubstr("Hash of the newest entry: " + noted)) << "what is to be noted";
    const auto expect_altered = [&](const std::string& text, const std::string& why) {
        ASSERT_TRUE(app::write_text(bundle / "lifecycle.log", text));
        const auto said = show(bundle);
        EXPECT_EQ(said.exit, 3) << why;
        EXPECT_FALSE(said.json().at("intact").as_bool()) << why;
        EXPECT_EQ(said.json().at("why").at("name").as_string(), "history_altered") << said.all();
    };
    std::string other = before;
    other.replace(other.find("Birch"), 5, "Cedar");
    expect_altered(other, "another owner's name");
    expect_altered(before.substr(before.find('\n') + 1), "the beginning is missing");
    const size_t second = before.find('\n') + 1;
    expect_altered(before.substr(0, second) + before.substr(before.find('\n', second) + 1), "one in the middle is missing");
    expect_altered(before.substr(0, second) + "nonsense\n" + before.substr(second), "a line of something else");

    // An end that was cut off, or all of it: whoever has noted a hash sees that.
    ASSERT_TRUE(app::write_text(bundle / "lifecycle.log", before.substr(0, second)));
    EXPECT_EQ(show(bundle).exit, 0) << "nothing shows it by itself: what lacks is seen in the bundle, and told";
    EXPECT_EQ(show(bundle, {"--contains", noted}).exit, 3);
    // Half a line is what a loss of power leaves: it was never written.
    ASSERT_TRUE(app::write_text(bundle / "lifecycle.log", before + "{\"number\":9,\"at\""));
    EXPECT_EQ(show(bundle).exit, 0);
    ASSERT_EQ(berth({"device", "reset", "--bundle", bundle.string()}).exit, 0);
    EXPECT_EQ(show(bundle, {"--contains", noted}).exit, 0);
    EXPECT_TRUE(log_of(bundle).starts_with(before));
}

}  // namespace
}  // namespace berth::test

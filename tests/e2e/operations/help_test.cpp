// --help of every command: what it does, its options, files, an example, exit codes.
#include "support/onboarding_parties.h"
#include "support/programs.h"

namespace berth::test {
namespace {

// The names below "Subcommands:".
std::vector<std::string> commands_below(const program_result& help) {
    std::vector<std::string> out;
    bool inside = false;
    for (const auto& line : help.output) {
        if (line.find("ubcommands:") != std::string::npos || line.find("SUBCOMMANDS:") != std::string::npos) {
            inside = true;
        } else if (inside && line.starts_with("  ") && line.size() > 2 && line[2] != ' ') {
            out.push_back(line.substr(2, line.find(' ', 2) - 2));
        } else if (inside && !line.starts_with(" ")) {
            inside = false;
        }
    }
    return out;
}

void check(std::vector<std::string> path, size_t& checked) {
    path.emplace_back("--help");
    const auto help = berth(path);
    path.pop_back();
    const std::string name = fmt::format("{}", fmt::join(path, " "));
    ASSERT_EQ(help.exit, 0) << name;
    const auto below = commands_below(help);
    for (const auto& command : below) {
        auto longer = path;
        longer.push_back(command);
        check(longer, checked);
    }
    if (below.empty()) {
        ++checked;
        const size_t codes = help.all().find("Exit codes");
        ASSERT_NE(codes, std::string::npos) << name;
        EXPECT_EQ(help.all().find("Exit codes", codes + 1), std::string::npos) << name << " tells them twice";
        EXPECT_EQ(help.all().find("Exit status"), std::string::npos) << name;
        EXPECT_THAT(help.all(), testing::HasSubstr("berth " + name + " ")) << name << " has no example";
        EXPECT_THAT(help.all(), testing::HasSubstr("xample")) << name;
    }
}

TEST(Help, EveryCommandOfBerth) {
    size_t checked = 0;
    check({}, checked);
    EXPECT_GE(checked, 30u) << "the commands were not found in the text";
}

TEST(Help, Daemons) {
    for (const char* program : {"berthd", "berth-agent"}) {
        const auto help = run_program(program, {"--help"});
        EXPECT_EQ(help.exit, 0);
        for (const char* part : {"Exit codes", "xample", "Files"}) {
            EXPECT_THAT(help.all(), testing::HasSubstr(part)) << program;
        }
    }
    EXPECT_THAT(run_program("berthd", {"--help"}).all(), testing::HasSubstr("SIGHUP"));
}

TEST(Help, AMistakeIsToldAsJsonToWhoAsksForIt) {
    for (const char* program : {"berth", "berthd", "berth-agent"}) {
        const auto r = run_program(program, {"--nosuch", "--json"});
        EXPECT_EQ(r.exit, 2) << program;
        EXPECT_EQ(r.error_name(), "bad_arguments") << program << ": " << r.all();
    }
}

}  // namespace
}  // namespace berth::test

// berth firmware rollout, as a script runs it.
#include "shop.h"

namespace berth::test {
namespace {

struct RolloutCommands : testing::Test {
    temporary_directory directory;
    [[nodiscard]] program_result run(std::vector<std::string> words) const {
        words.insert(words.begin(), {"--json", "firmware", "rollout"});
        words.insert(words.end(), {"--state", (directory.path() / "state.json").string()});
        return run_program("berth", words);
    }
    [[nodiscard]] std::string member(std::vector<std::string> words, const char* name) const {
        const auto said = run(std::move(words));
        const auto object = said.json();
        return object.contains(name) ? std::string(object.at(name).as_string()) : said.all();
    }
};

TEST_F(RolloutCommands, ARingAfterTheOther) {
    EXPECT_EQ(run({"show"}).error_name(), "file_not_found");
    EXPECT_EQ(run({"begin", "gw-7", "--seq", "7", "--ring", "lab:10", "--ring", "rest:80"}).error_name(), "bad_rollout");
    EXPECT_EQ(run({"begin", "gw-7", "--seq", "7", "--ring", "lab:x"}).error_name(), "bad_option");
    const std::vector<std::string> begin{"begin",    "gw-7",   "--seq",    "7",        "--ring",    "lab:0",         "--member",
                                         "lab=SN-1", "--ring", "rest:100", "--member", "rest=SN-2", "--least-ended", "1"};
    ASSERT_EQ(member(begin, "state"), "running");
    EXPECT_EQ(run(begin).error_name(), "file_exists");
    EXPECT_EQ(member({"ask", "SN-2"}, "answer"), "not_yet");
    EXPECT_EQ(member({"ask", "SN-1"}, "answer"), "offer");
    EXPECT_EQ(run({"report", "SN-1"}).error_name(), "missing_option");
    EXPECT_EQ(member({"report", "SN-1", "--done"}, "state"), "running");
    EXPECT_EQ(member({"ask", "SN-2"}, "answer"), "offer");
    EXPECT_EQ(member({"ask", "SN-1"}, "answer"), "never");
    EXPECT_EQ(member({"report", "SN-2", "--failed"}, "state"), "paused");
    EXPECT_EQ(member({"ask", "SN-3"}, "answer"), "not_yet");
    EXPECT_EQ(run({"pause", "--why", "x"}).error_name(), "wrong_state");
    EXPECT_EQ(member({"resume"}, "state"), "running");
    EXPECT_EQ(member({"ask", "SN-3"}, "answer"), "offer");
    EXPECT_EQ(member({"retry", "SN-2"}, "state"), "running");
    EXPECT_EQ(member({"ask", "SN-2"}, "answer"), "offer");
    EXPECT_EQ(member({"advance"}, "state"), "finished");
    EXPECT_EQ(run({"abort", "--why", "x"}).error_name(), "wrong_state");
    EXPECT_EQ(member({"ask", "SN-4"}, "answer"), "never");
}

// Several at once: none undoes what another has written.
TEST_F(RolloutCommands, SeveralAtOnce) {
    ASSERT_EQ(member({"begin", "gw-8", "--seq", "8", "--ring", "all:100"}, "state"), "running");
    std::vector<std::thread> all;
    for (int i = 0; i < 8; ++i) {
        all.emplace_back([this, i] { EXPECT_EQ(member({"ask", "SN-" + std::to_string(i)}, "answer"), "offer"); });
    }
    for (auto& t : all) {
        t.join();
    }
    const auto shown = run({"show"}).json();
    EXPECT_EQ(shown.at("rings").as_array()[0].as_object().at("offered").to_number<int>(), 8);
}

}  // namespace
}  // namespace berth::test

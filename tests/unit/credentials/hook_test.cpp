// Hooks: programs without a shell, in a group of their own, for a limited time.
#include "credentials/hook.h"

#include "common/files.h"
#include "support/onboarding_parties.h"

#include <gtest/gtest.h>

namespace berth::app {
namespace {

std::string outcome_of(std::vector<std::string> argv, milliseconds limit = 20'000) {
    net::loop loop;
    std::string out = "never";
    std::unique_ptr<hook> h;
    h = std::make_unique<hook>(loop, system_clock(), std::move(argv), std::vector<std::string>{"BERTH_CREDENTIAL=ops"}, limit,
                               [&](const std::string& outcome) {
                                   out = outcome;
                                   loop.stop();
                               });
    loop.run();
    return out;
}

TEST(Hook, TellsHowItEnded) {
    EXPECT_EQ(outcome_of({"/bin/true"}), "");
    EXPECT_EQ(outcome_of({"/bin/sh", "-c", "exit 3"}), "ended with 3");
    EXPECT_EQ(outcome_of({"/bin/sh", "-c", "kill -9 $$"}), "was killed by signal 9");
    EXPECT_EQ(outcome_of({"/bin/sh", "-c", "test \"$BERTH_CREDENTIAL\" = ops"}), "");
    EXPECT_EQ(outcome_of({"/no/such/program"}).find("did not start"), 0U);
}

TEST(Hook, TheLimitEndsAllThatItHasStarted) {
    const test::temporary_directory directory;
    const auto note = directory.path() / "pid";
    EXPECT_EQ(outcome_of({"/bin/sh", "-c", "trap '' TERM; sleep 600 & echo $! > " + note.string() + "; wait; wait"}, 1'000),
              "took longer than 1 s");
    const int child = std::stoi(*read_text(note));
    // Killed with its group; it is nobody's child here, so that it may stay a moment as a zombie.
    const auto stat = read_text(fmt::format("/proc/{}/stat", child));
    EXPECT_TRUE(!stat || stat->find(") Z ") != std::string::npos || stat->find(") X ") != std::string::npos) << *stat;
}

TEST(Hook, MuchOutputHoldsNobodyUp) {
    EXPECT_EQ(outcome_of({"/bin/sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done"}), "");
}

}  // namespace
}  // namespace berth::app

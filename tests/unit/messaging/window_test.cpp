// The window against the set of all numbers that were taken.
#include "messaging/window.h"

#include <set>

#include <rapidcheck.h>

namespace berth::test {
namespace {

using messaging::replay_window;
using enum replay_window::verdict;

TEST(Window, TakesEachNumberOnceWhateverTheOrder) {
    const bool held = rc::check([](const std::vector<uint8_t>& steps) {
        replay_window window;
        std::set<uint64_t> taken;
        uint64_t around = 1;
        for (const uint8_t step : steps) {
            around = std::max<int64_t>(1, static_cast<int64_t>(around) + step - 100);
            const auto verdict = window.judge(around);
            const uint64_t highest = taken.empty() ? 0 : *taken.rbegin();
            if (around > highest) {
                RC_ASSERT(verdict == fresh);
            } else if (highest - around >= replay_window::width) {
                RC_ASSERT(verdict == too_old);
            } else {
                RC_ASSERT(verdict == (taken.contains(around) ? repeated : fresh));
            }
            if (verdict == fresh) {
                window.take(around);
                taken.insert(around);
                RC_ASSERT(window.judge(around) == repeated);
            }
            RC_ASSERT(window.highest == (taken.empty() ? 0 : *taken.rbegin()));
        }
    });
    EXPECT_TRUE(held);
}

TEST(Window, ZeroIsNoNumberAndFarOnesLeaveNothingBehind) {
    replay_window window;
    EXPECT_EQ(window.judge(0), too_old);
    window.take(1);
    window.take(uint64_t{1} << 53);
    EXPECT_EQ(window.judge(1), too_old);
    EXPECT_EQ(window.judge((uint64_t{1} << 53) - 63), fresh);
    EXPECT_EQ(window.judge((uint64_t{1} << 53) - 64), too_old);
}

TEST(Window, ClosedUpToANumberTakesNothingBelow) {
    const auto window = replay_window::closed_up_to(40);
    for (uint64_t n = 0; n <= 40; ++n) {
        EXPECT_NE(window.judge(n), fresh) << n;
    }
    EXPECT_EQ(window.judge(41), fresh);
}

}  // namespace
}  // namespace berth::test

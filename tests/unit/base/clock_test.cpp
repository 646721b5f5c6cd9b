#include "base/clock.h"

#include <gtest/gtest.h>

namespace berth {
namespace {

TEST(Clock, ManualOneMovesOnlyWhenMoved) {
    manual_clock c(1'000);
    EXPECT_EQ(c.now(), 1'000);
    EXPECT_EQ(c.steady(), 0);
    c.advance(999);
    EXPECT_EQ(c.now(), 1'000);
    EXPECT_EQ(c.steady(), 999);
    c.advance(1);
    EXPECT_EQ(c.now(), 1'001) << "parts of seconds add up";
    c.advance(2'500);
    c.advance(2'500);
    EXPECT_EQ(c.now(), 1'006);
    EXPECT_EQ(c.steady(), 6'000);
}

TEST(Clock, SettingTheWallClockLeavesTheSteadyOneAlone) {
    manual_clock c(1'000);
    c.advance(10'000);
    c.set(5);
    EXPECT_EQ(c.now(), 5) << "wall clocks are set back";
    EXPECT_EQ(c.steady(), 10'000) << "this one never goes back";
}

TEST(Clock, SystemClockGoesOn) {
    const auto before = system_clock().steady();
    EXPECT_GE(system_clock().steady(), before);
    EXPECT_GT(system_clock().now(), 1'700'000'000);
}

TEST(Clock, Iso8601) {
    EXPECT_EQ(to_iso8601(0), "1970-01-01T00:00:00Z");
    EXPECT_EQ(to_iso8601(951'782'400), "2000-02-29T00:00:00Z") << "a leap year that is a century";
    EXPECT_EQ(to_iso8601(4'102'444'799), "2099-12-31T23:59:59Z");
    EXPECT_EQ(to_iso8601(-1), "1969-12-31T23:59:59Z");
}

}  // namespace
}  // namespace berth

// How often a device asks, and what remembering it costs.
#include "provisioning/visits.h"

#include <gtest/gtest.h>

namespace berth::test {
namespace {

TEST(Visits, AreSweptOnceInAWindow) {
    provisioning::visit_book book(10, 3);
    for (int i = 0; i < 8; ++i) {
        ++book.of("dev" + std::to_string(i), 100 + i).begins;
    }
    EXPECT_EQ(book.size(), 8U);
    EXPECT_EQ(book.sweeps(), 1U) << "at the fourth, and nothing was over";
    book.of("late", 112);
    EXPECT_EQ(book.sweeps(), 1U);
    EXPECT_EQ(book.size(), 9U);
    EXPECT_EQ(book.of("dev7", 113).begins, 1U);
    EXPECT_EQ(book.sweeps(), 2U);
    EXPECT_EQ(book.size(), 5U) << "dev0 to dev3 are over";
    EXPECT_EQ(book.of("dev3", 113).begins, 0U);
    EXPECT_EQ(book.sweeps(), 2U);
    book.of("dev3", 50);
    EXPECT_EQ(book.sweeps(), 3U) << "the clock was set back";
    EXPECT_EQ(book.size(), 1U);
}

}  // namespace
}  // namespace berth::test

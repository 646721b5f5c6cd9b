// What strangers can make a broker write.
#include "refusals.h"

#include <gtest/gtest.h>

namespace berth::test {
namespace {

using namespace app;

TEST(refusals, are_told_so_often_and_then_counted) {
    line_limit limit;
    for (size_t i = 0; i < line_limit::most; ++i) {
        EXPECT_EQ(limit.next(5), 0U) << i;
    }
    EXPECT_EQ(limit.next(5), std::nullopt);
    EXPECT_EQ(limit.next(1'004), std::nullopt);
    EXPECT_EQ(limit.next(1'005), 2U) << "of those that were not told";
    EXPECT_EQ(limit.next(1'005), 0U);
}

TEST(refusals, are_short) {
    EXPECT_EQ(shown("why"), "why");
    EXPECT_EQ(shown(std::string(most_shown, 'a')).size(), most_shown);
    EXPECT_EQ(shown(std::string(100'000, 'a')).size(), most_shown);
    const std::string last = std::string(most_shown - 1, 'a') + "\xc3\xa4\xc3\xa4";
    EXPECT_EQ(shown(last), std::string(most_shown - 1, 'a')) << "no character is cut in two";
}

}  // namespace
}  // namespace berth::test

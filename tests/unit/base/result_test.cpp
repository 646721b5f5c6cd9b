#include "base/result.h"

#include <gmock/gmock.h>

namespace berth {
namespace {

error sample() {
    return {error_category::environment, "file_not_found", "there is no x.pem"};
}

TEST(Result, ErrorGathersWhatItPasses) {
    const error e = sample().with("path", "x.pem").with("line", "3").during("reading the chain");
    EXPECT_EQ(e.name, "file_not_found") << "the name stays, scripts rely on it";
    EXPECT_EQ(e.message, "reading the chain: there is no x.pem");
    EXPECT_EQ(e.params, (std::vector<std::pair<std::string, std::string>>{{"path", "x.pem"}, {"line", "3"}}));
    EXPECT_TRUE(e.is("file_not_found"));
    EXPECT_FALSE(e.is("file_not"));
    const error copied = sample();
    EXPECT_TRUE(copied.with("a", "b").params.size() == 1 && copied.params.empty()) << "the const form leaves the original alone";
}

TEST(Result, ExitCodesAreFixed) {
    EXPECT_EQ(exit_code(error_category::peer), 1);
    EXPECT_EQ(exit_code(error_category::incompatible), 1);
    EXPECT_EQ(exit_code(error_category::usage), 2);
    EXPECT_EQ(exit_code(error_category::environment), 3);
    EXPECT_EQ(exit_code(error_category::internal), 4);
}

TEST(Result, CategoriesHaveNames) {
    EXPECT_EQ(to_string(error_category::peer), "peer");
    EXPECT_EQ(to_string(error_category::incompatible), "incompatible");
    EXPECT_EQ(to_string(error_category::usage), "usage");
    EXPECT_EQ(to_string(error_category::environment), "environment");
    EXPECT_EQ(to_string(error_category::internal), "internal");
}

result<int> half(int n) {
    if (n % 2) {
        return fail(error_category::usage, "odd", "not even");
    }
    return n / 2;
}

result<int> quarter(int n, int& reached) {
    BERTH_TRY(once, half(n));
    ++reached;
    BERTH_CHECK(half(once));
    ++reached;
    return once / 2;
}

TEST(Result, TryAndCheckReturnTheFirstError) {
    int reached = 0;
    EXPECT_EQ(*quarter(8, reached), 2);
    EXPECT_EQ(reached, 2);
    reached = 0;
    EXPECT_EQ(quarter(3, reached).error().name, "odd");
    EXPECT_EQ(reached, 0);
    EXPECT_EQ(quarter(6, reached).error().name, "odd");
    EXPECT_EQ(reached, 1);
}

}  // namespace
}  // namespace berth

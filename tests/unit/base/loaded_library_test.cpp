#include "base/loaded_library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::test {
namespace {

using testing::HasSubstr;

TEST(LoadedLibrary, FindsWhatIsThere) {
    loaded_library c{"libm.so.6", "libc.so.6"};
    double (*cosine)(double) = nullptr;
    int (*absolute)(int) = nullptr;
    c.find("cos", cosine);
    c.find("abs", absolute);
    ASSERT_EQ(c.missing(), "");
    EXPECT_EQ(cosine(0.0), 1.0);
    EXPECT_EQ(absolute(-7), 7);
}

TEST(LoadedLibrary, SaysWhatIsMissing) {
    loaded_library none{"libc.so.6", "libberth-none.so.9"};
    EXPECT_THAT(none.missing(), HasSubstr("libberth-none.so.9"));
    int (*absolute)(int) = nullptr;
    none.find("abs", absolute);
    EXPECT_EQ(absolute, nullptr) << "half of them is none";

    loaded_library c{"libc.so.6"};
    c.find("berth_has_no_such_function", absolute);
    EXPECT_EQ(absolute, nullptr);
    c.find("abs", absolute);
    EXPECT_EQ(c.missing(), "berth_has_no_such_function") << "the first one";
}

}  // namespace
}  // namespace berth::test

// Images made out of others, and what is made of patches that are none.
#include "firmware/delta.h"
#include "makers.h"

namespace berth::firmware {
namespace {

using test::name_of;

bytes image(std::string_view seed, size_t size) {
    test::named_random random(seed);
    bytes out(size);
    random.fill(out);
    return out;
}

result<bytes> applied(bytes_view from, bytes_view patch, uint64_t size) {
    bytes out;
    BERTH_CHECK(apply_delta(from, patch, size, [&](bytes_view some) {
        append(out, some);
        return result<void>{};
    }));
    return out;
}

TEST(FirmwareDelta, MakesTheNewImageOutOfTheOld) {
    const auto old = image("old", 300'000);
    auto next = old;
    const auto patch_in = image("new", 1000);
    std::ranges::copy(patch_in, next.begin() + 100'000);
    next.insert(next.begin() + 5000, patch_in.begin(), patch_in.begin() + 100);  // everything behind it has moved
    const auto patch = make_delta(old, next);
    ASSERT_TRUE(patch) << patch.error().message;
    EXPECT_LT(patch->size(), 3000U);
    const auto made = applied(old, *patch, next.size());
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(*made, next);
}

TEST(FirmwareDelta, PatchesThatAreNone) {
    const auto old = image("old", 20'000);
    auto next = old;
    next[7] ^= 1;
    const auto patch = make_delta(old, next).value();
    EXPECT_EQ(name_of(applied(old, patch, next.size() - 1)), "bad_delta") << "makes more";
    EXPECT_EQ(name_of(applied(old, patch, next.size() + 1)), "bad_delta") << "makes less";
    EXPECT_EQ(name_of(applied(old, bytes_view(patch).first(patch.size() - 3), next.size())), "bad_delta") << "is cut off";
    EXPECT_EQ(name_of(applied(old, concat({patch, as_bytes("x")}), next.size())), "bad_delta") << "has something behind it";
    EXPECT_EQ(name_of(applied(old, {}, next.size())), "bad_delta");
    EXPECT_EQ(name_of(applied(old, image("junk", 500), next.size())), "bad_delta");
    // On another base it makes something else, which the digest tells, or nothing.
    const auto other = applied(image("other", 20'000), patch, next.size());
    EXPECT_TRUE(!other || *other != next);
    // What a caller cannot take ends it.
    EXPECT_EQ(
        name_of(apply_delta(old, patch, next.size(),
                            [](bytes_view) -> result<void> { return fail(error_category::environment, "full", "disk full"); })),
        "full");
}

}  // namespace
}  // namespace berth::firmware

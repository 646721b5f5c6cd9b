#include "registry/hub/twin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::test {
namespace {

using namespace registry;

wire::json::object read(std::string_view text) {
    return *wire::parse_json_object(text);
}

std::string patched_text(std::string_view before, std::string_view patch) {
    twin_section section;
    section.properties = read(before);
    const auto out = patched(section, read(patch), 100);
    return out ? wire::to_text(out->properties) : out.error().name;
}

TEST(Twin, APatchGoesInto) {
    EXPECT_EQ(patched_text("{}", R"({"a":1})"), R"({"a":1})");
    EXPECT_EQ(patched_text(R"({"a":{"b":1,"c":2}})", R"({"a":{"b":null,"d":[1,{"e":true}]}})"),
              R"({"a":{"c":2,"d":[1,{"e":true}]}})");
    EXPECT_EQ(patched_text(R"({"a":1})", R"({"a":{"b":2}})"), R"({"a":{"b":2}})");
    EXPECT_EQ(patched_text(R"({"a":{"b":2}})", R"({"a":1})"), R"({"a":1})");
    EXPECT_EQ(patched_text(R"({"a":1})", R"({"nothing":null})"), R"({"a":1})");
    EXPECT_EQ(patched_text("{}", R"({"a":{"b":null}})"), R"({"a":{}})");
}

TEST(Twin, EachChangeHasAVersion) {
    twin_section section;
    EXPECT_EQ(section.version, 1U);
    auto next = *patched(section, read(R"({"a":1})"), 7);
    EXPECT_EQ(next.version, 2U);
    EXPECT_EQ(next.changed, 7);
    next = *patched(next, {}, 8);
    EXPECT_EQ(next.version, 3U);
    next = *replaced(next, read(R"({"b":1})"), 9);
    EXPECT_EQ(next.version, 4U);
    EXPECT_EQ(wire::to_text(next.properties), R"({"b":1})");
}

TEST(Twin, NamesAndValuesHaveBounds) {
    for (const char* const bad : {R"({"a.b":1})", R"({"a b":1})", R"({"$a":1})", R"({"":1})", "{\"a\\u0001\":1}",
                                  R"({"a":{"b.c":1}})", R"({"a":[{"b$":1}]})", R"({"a":[null]})", R"({"a":[{"b":null}]})"}) {
        EXPECT_EQ(patched_text("{}", bad), "bad_twin") << bad;
    }
    const auto named = [](size_t octets) { return R"({")" + std::string(octets, 'n') + R"(":1})"; };
    EXPECT_NE(patched_text("{}", named(1024)), "bad_twin");
    EXPECT_EQ(patched_text("{}", named(1025)), "bad_twin");
    const auto with_text = [](size_t octets) { return R"({"a":")" + std::string(octets, 't') + R"("})"; };
    EXPECT_NE(patched_text("{}", with_text(4096)), "bad_twin");
    EXPECT_EQ(patched_text("{}", with_text(4097)), "bad_twin");
}

TEST(Twin, IsTenLevelsDeepAtMost) {
    const auto nested = [](size_t levels, const char* open, const char* close) {
        std::string out = "{\"a\":";
        for (size_t i = 1; i < levels; ++i) {
            out += open;
        }
        out += "1";
        for (size_t i = 1; i < levels; ++i) {
            out += close;
        }
        return out + "}";
    };
    EXPECT_EQ(patched_text("{}", nested(10, "{\"a\":", "}")).substr(0, 1), "{");
    EXPECT_EQ(patched_text("{}", nested(11, "{\"a\":", "}")), "bad_twin");
    EXPECT_EQ(patched_text("{}", nested(30, "[", "]")), "bad_twin");
}

TEST(Twin, ASectionHasAMostSize) {
    twin_section section;
    wire::json::object much;
    for (int i = 0; i < 8; ++i) {
        much["m" + std::to_string(i)] = std::string(4000, 'x');
    }
    const auto fits = patched(section, much, 1);
    ASSERT_TRUE(fits) << fits.error().message;
    const auto over = patched(*fits, wire::json::object{{"one-more", std::string(4000, 'x')}}, 2);
    ASSERT_FALSE(over);
    EXPECT_EQ(over.error().name, "twin_too_large");
    EXPECT_TRUE(patched(*fits, wire::json::object{{"m1", nullptr}, {"n", std::string(4000, 'x')}}, 2)) << "what remains counts";
}

}  // namespace
}  // namespace berth::test

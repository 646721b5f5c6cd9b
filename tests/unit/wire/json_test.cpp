// Strictness: what two parsers could read in two ways is not read at all.
#include "wire/json.h"

#include <gmock/gmock.h>

namespace berth::wire {
namespace {

std::string name_of(std::string_view text) {
    const auto read = parse_json(text);
    return read ? "" : read.error().name;
}

TEST(Json, OneValueAndNothingElse) {
    EXPECT_EQ(name_of(R"({"a":1})"), "");
    EXPECT_EQ(name_of(" [1, 2]\n"), "");
    for (const char* text : {"", " ", "{} {}", "{}x", "1 2", "[1,]", "{\"a\":1,}", "{a:1}", "{'a':1}", "// c\n1", "[1 2]",
                             "{\"a\" 1}", "nul", "\"", "\"\n\""}) {
        EXPECT_EQ(name_of(text), "bad_json") << text;
    }
}

TEST(Json, DuplicateNamesAreRefusedAtAnyDepth) {
    EXPECT_EQ(name_of(R"({"a":1,"a":1})"), "duplicate_json_member");
    EXPECT_EQ(name_of(R"([{"b":{"a":1,"c":2,"a":3}}])"), "duplicate_json_member");
    EXPECT_EQ(name_of("{\"a\":1,\"\\u0061\":2}"), "duplicate_json_member") << "an escape is the same name";
    EXPECT_EQ(name_of(R"({"a":{"a":1},"b":[{"a":1},{"a":2}]})"), "") << "each object has names of its own";
    EXPECT_THAT(parse_json(R"({"twice":1,"twice":2})").error().message, testing::HasSubstr("twice"));
}

TEST(Json, DepthIsBounded) {
    const auto nested = [](size_t n) { return std::string(n, '[') + std::string(n, ']'); };
    EXPECT_EQ(name_of(nested(json_most_depth)), "");
    EXPECT_EQ(name_of(nested(json_most_depth + 1)), "bad_json");
    EXPECT_EQ(name_of(nested(100'000)), "bad_json") << "no stack is at stake";
    EXPECT_EQ(name_of(std::string(100'000, '[')), "bad_json");
}

TEST(Json, SizeIsBounded) {
    EXPECT_EQ(parse_json("[1,2,3]", 6).error().name, "too_large");
    EXPECT_TRUE(parse_json("[1,2,3]", 7));
}

TEST(Json, Numbers) {
    for (const char* text : {"01", "+1", ".5", "1.", "0x10", "NaN", "Infinity", "-", "1e", "--1"}) {
        EXPECT_EQ(name_of(text), "bad_json") << text;
    }
    EXPECT_EQ(parse_json("-0")->to_number<int>(), 0);
    EXPECT_EQ(parse_json("9223372036854775807")->as_int64(), INT64_MAX);
    const auto object = *parse_json_object(R"({"n":1.5,"m":18446744073709551615,"k":"1","i":-7})");
    EXPECT_EQ(integer_member(object, "n").error().name, "bad_json") << "a fraction is no integer";
    EXPECT_EQ(integer_member(object, "m").error().name, "bad_json") << "nor is what does not fit";
    EXPECT_EQ(integer_member(object, "k").error().name, "bad_json") << "nor text";
    EXPECT_EQ(*integer_member(object, "i"), -7);
}

TEST(Json, Utf8IsChecked) {
    EXPECT_EQ(name_of("\"\xc3\xa9\""), "");
    for (const char* text : {"\"\xff\"", "\"\xc3\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", R"("\ud800")", R"("\q")", "\"\x01\""}) {
        EXPECT_EQ(name_of(text), "bad_json") << text;
    }
}

TEST(Json, MembersAreAskedForByKind) {
    const auto object = *parse_json_object(R"({"t":"x","n":null})");
    EXPECT_EQ(*text_member(object, "t"), "x");
    EXPECT_EQ(text_member(object, "n").error().name, "bad_json");
    EXPECT_THAT(text_member(object, "absent").error().message, testing::HasSubstr("absent"));
    EXPECT_EQ(parse_json_object("[]").error().name, "bad_json");
}

TEST(Json, WrittenInOrderAndReadAgain) {
    const json::object o{{"z", 1}, {"a", "\"\n"}, {"m", json::array{true, nullptr}}};
    const std::string text = to_text(o);
    EXPECT_EQ(text, R"({"z":1,"a":"\"\n","m":[true,null]})");
    EXPECT_EQ(*parse_json(text), json::value(o));
}

}  // namespace
}  // namespace berth::wire

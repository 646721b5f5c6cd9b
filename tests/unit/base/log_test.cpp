#include "base/log.h"
#include "wire/json.h"

#include <gtest/gtest.h>

namespace berth {
namespace {

TEST(Log, EscapesControlCharactersAndQuotes) {
    EXPECT_EQ(log::escape("a\"b\\c\nd\te\x7f"), "a\\\"b\\\\c\\nd\\u0009e\\u007f");
}

TEST(Log, KeepsTextOfAnyLanguage) {
    const std::string text = "Gr\xc3\xbc\xc3\x9f"
                             "e \xe2\x82\xac \xf0\x9f\x94\x91 \xed\x9f\xbf \xf4\x8f\xbf\xbf";
    EXPECT_EQ(log::escape(text), text);
}

TEST(Log, OctetsThatAreNoTextDoNotSpoilALine) {
    const std::vector<std::string> bad{
        "\xff", "\x80", "\xc3", "\xc0\xaf", "\xe2\x82", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
        "\xf5",
    };
    for (const auto& octets : bad) {
        const std::string escaped = log::escape("<" + octets + ">");
        EXPECT_NE(escaped.find("\\ufffd"), std::string::npos) << to_hex(as_bytes(octets));
        for (const char c : escaped) {
            EXPECT_LT(static_cast<unsigned char>(c), 0x80) << to_hex(as_bytes(octets));
        }
        EXPECT_TRUE(wire::parse_json("\"" + escaped + "\"")) << escaped;
    }
    EXPECT_EQ(log::escape("\xe2\x82z"), "\\ufffd\\ufffdz") << "what follows a broken sequence is not lost";
}

}  // namespace
}  // namespace berth

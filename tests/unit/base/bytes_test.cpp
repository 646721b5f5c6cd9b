#include "base/bytes.h"

#include <gmock/gmock.h>

namespace berth {
namespace {

TEST(Bytes, HexGoesBothWays) {
    EXPECT_EQ(to_hex(bytes{0x00, 0x7f, 0xff}), "007fff");
    EXPECT_EQ(*from_hex("007FfF"), (bytes{0x00, 0x7f, 0xff})) << "capitals are read, never written";
    EXPECT_EQ(to_hex({}), "");
    EXPECT_TRUE(from_hex("")->empty());
}

TEST(Bytes, HexRefusesWhatIsNone) {
    for (const char* text : {"0", "000", "0g", "g0", " 0", "0x", "00 ", "\xc3\xa9"}) {
        const auto read = from_hex(text);
        ASSERT_FALSE(read) << text;
        EXPECT_EQ(read.error().name, "bad_hex") << text;
    }
}

TEST(Bytes, Concatenation) {
    const bytes a{1, 2};
    const bytes b{3};
    EXPECT_EQ(concat({a, {}, b, a}), (bytes{1, 2, 3, 1, 2}));
    EXPECT_TRUE(concat({}).empty());
    bytes out = a;
    append(out, b);
    EXPECT_EQ(out, (bytes{1, 2, 3}));
}

TEST(Bytes, Comparison) {
    EXPECT_TRUE(same_octets({}, {}));
    EXPECT_TRUE(same_octets(bytes{1, 2}, bytes{1, 2}));
    EXPECT_FALSE(same_octets(bytes{1, 2}, bytes{1, 3}));
    EXPECT_FALSE(same_octets(bytes{1, 2}, bytes{1})) << "a prefix is not the same";
    EXPECT_FALSE(same_octets({}, bytes{0}));
}

TEST(Bytes, TextIsNotCopied) {
    const std::string text("a\0b", 3);
    EXPECT_EQ(as_bytes(text).size(), 3u) << "a zero does not end it";
    EXPECT_EQ(as_text(as_bytes(text)), text);
    EXPECT_EQ(static_cast<const void*>(as_bytes(text).data()), text.data());
}

}  // namespace
}  // namespace berth

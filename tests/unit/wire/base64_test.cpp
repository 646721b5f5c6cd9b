// Exactly one text for some octets.
#include "wire/base64.h"

#include <gtest/gtest.h>

namespace berth::wire {
namespace {

// RFC 4648 section 10.
TEST(Base64, VectorsOfTheRfc) {
    for (const auto& [clear, text] : std::initializer_list<std::pair<std::string, std::string>>{{"", ""},
                                                                                                {"f", "Zg=="},
                                                                                                {"fo", "Zm8="},
                                                                                                {"foo", "Zm9v"},
                                                                                                {"foob", "Zm9vYg=="},
                                                                                                {"fooba", "Zm9vYmE="},
                                                                                                {"foobar", "Zm9vYmFy"}}) {
        EXPECT_EQ(base64(as_bytes(clear)), text);
        EXPECT_EQ(as_text(*from_base64(text)), clear);
        const std::string bare = text.substr(0, text.find('='));
        EXPECT_EQ(base64url(as_bytes(clear)), bare);
        EXPECT_EQ(as_text(*from_base64url(bare)), clear);
    }
}

TEST(Base64, AlphabetsDiffer) {
    const bytes data{0xfb, 0xff, 0xfe};
    EXPECT_EQ(base64(data), "+//+");
    EXPECT_EQ(base64url(data), "-__-");
    EXPECT_EQ(from_base64("-__-").error().name, "bad_base64");
    EXPECT_EQ(from_base64url("+//+").error().name, "bad_base64");
}

TEST(Base64, PaddingIsExact) {
    for (const char* text : {"Zg", "Zg=", "Zg===", "Zm8", "Zm8==", "Zm9v=", "=", "====", "Z===", "Zg==Zg==", "Z=g="}) {
        EXPECT_EQ(from_base64(text).error().name, "bad_base64") << text;
    }
    for (const char* text : {"Zg==", "Zm8=", "Z", "Zm9vY"}) {
        EXPECT_EQ(from_base64url(text).error().name, "bad_base64") << text;
    }
}

TEST(Base64, BitsBehindTheLastOctetAreZero) {
    for (const char* text : {"Zh==", "Zm9=", "Zn=="}) {
        EXPECT_EQ(from_base64(text).error().name, "bad_base64") << text;
    }
    for (const char* text : {"Zh", "Zm9", "Zv"}) {
        EXPECT_EQ(from_base64url(text).error().name, "bad_base64") << text;
    }
}

TEST(Base64, NothingElseIsSkipped) {
    for (const std::string& text :
         {std::string("Zm 9v"), std::string("Zm9v\n"), std::string(" Zm9v"), std::string("Zm9\0", 4), std::string("Zm9\xff")}) {
        EXPECT_EQ(from_base64(text).error().name, "bad_base64");
        EXPECT_EQ(from_base64url(text).error().name, "bad_base64");
    }
}

TEST(Base64, EveryLengthGoesBothWays) {
    bytes data;
    for (int n = 0; n < 130; ++n) {
        EXPECT_EQ(*from_base64(base64(data)), data);
        EXPECT_EQ(*from_base64url(base64url(data)), data);
        data.push_back(static_cast<uint8_t>(n * 37));
    }
}

}  // namespace
}  // namespace berth::wire

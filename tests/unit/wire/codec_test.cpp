// The presentation language: each bound is enforced, both ways, and nothing is left over.
#include "wire/codec.h"

#include <gmock/gmock.h>

namespace berth::wire {
namespace {

enum class colour : uint8_t { red = 1 };

struct item {
    uint16_t number = 0;
    opaque<0, 3> text;
    BERTH_FIELDS(number, text)
    bool operator==(const item&) const = default;
};

struct all {
    uint8_t small = 0;
    uint24 middle;
    uint32_t large = 0;
    uint64_t huge = 0;
    colour c{};
    std::array<uint8_t, 2> fixed{};
    opaque<1, 300> text;
    list<item, 0, 20> items;
    BERTH_FIELDS(small, middle, large, huge, c, fixed, text, items)
};

all sample() {
    all a;
    a.small = 1;
    a.middle = {0x020304};
    a.large = 0x05060708;
    a.huge = 0x090a0b0c0d0e0f10;
    a.c = colour::red;
    a.fixed = {0xaa, 0xbb};
    a.text = opaque<1, 300>(std::string_view("hi"));
    a.items = std::vector<item>{{7, opaque<0, 3>(std::string_view("x"))}};
    return a;
}

const bytes sample_octets = *from_hex("01"
                                      "020304"
                                      "05060708"
                                      "090a0b0c0d0e0f10"
                                      "01"
                                      "aabb"
                                      "00026869"
                                      "04"
                                      "00070178");

TEST(Codec, EachKindOfFieldInWireOrder) {
    EXPECT_EQ(to_hex(*encode(sample())), to_hex(sample_octets));
    const auto read = decode<all>(sample_octets);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->middle.value, 0x020304u);
    EXPECT_EQ(read->huge, 0x090a0b0c0d0e0f10u);
    EXPECT_EQ(read->text.text(), "hi");
    EXPECT_EQ(read->items.items, sample().items.items);
    EXPECT_EQ(*encode(*read), sample_octets);
}

TEST(Codec, EveryCutIsMalformed) {
    for (size_t n = 0; n < sample_octets.size(); ++n) {
        const auto read = decode<all>(bytes_view(sample_octets).first(n));
        ASSERT_FALSE(read) << n;
        EXPECT_EQ(read.error().name, "malformed") << n;
    }
}

TEST(Codec, TrailingOctetsAreMalformed) {
    bytes longer = sample_octets;
    longer.push_back(0);
    EXPECT_EQ(decode<all>(longer).error().name, "malformed");
}

TEST(Codec, PrefixIsTheShortestThatHoldsTheBound) {
    static_assert(prefix_octets(255) == 1 && prefix_octets(256) == 2 && prefix_octets(65535) == 2 && prefix_octets(65536) == 3 &&
                  prefix_octets((1 << 24) - 1) == 3 && prefix_octets(1 << 24) == 4);
}

struct bounded {
    opaque<2, 4> text;
    BERTH_FIELDS(text)
};

TEST(Codec, BoundsHoldBothWays) {
    EXPECT_EQ(encode(bounded{bytes(1, 0)}).error().name, "too_large");
    EXPECT_EQ(encode(bounded{bytes(5, 0)}).error().name, "too_large");
    EXPECT_TRUE(encode(bounded{bytes(4, 0)}));
    EXPECT_EQ(decode<bounded>(bytes{1, 0}).error().name, "malformed");
    EXPECT_EQ(decode<bounded>(bytes{5, 0, 0, 0, 0, 0}).error().name, "malformed");
    EXPECT_TRUE(decode<bounded>(bytes{2, 0, 0}));
}

struct items_only {
    list<item, 3, 20> items;
    BERTH_FIELDS(items)
};

TEST(Codec, AListEndsWithAWholeElement) {
    EXPECT_TRUE(decode<items_only>(bytes{3, 0, 7, 0}));
    EXPECT_EQ(decode<items_only>(bytes{4, 0, 7, 0, 0}).error().name, "malformed") << "one octet of a second element";
    EXPECT_EQ(decode<items_only>(bytes{4, 0, 7, 4, 1}).error().name, "malformed") << "an element that reaches beyond its list";
    EXPECT_EQ(decode<items_only>(bytes{0}).error().name, "malformed") << "the bounds count octets: three at least";
}

TEST(Codec, UnknownEnumsAreKeptForTheReader) {
    bytes changed = sample_octets;
    changed[16] = 200;
    EXPECT_EQ(static_cast<int>(decode<all>(changed)->c), 200);
}

TEST(Codec, UInt24HasNoFourthOctet) {
    struct three {
        uint24 v;
        auto wire_fields() { return std::tie(v); }
        auto wire_fields() const { return std::tie(v); }
    };
    EXPECT_EQ(*encode(three{{0xffffff}}), (bytes{0xff, 0xff, 0xff}));
    EXPECT_EQ(decode<three>(bytes{0xff, 0xff, 0xff})->v.value, 0xffffffu);
}

}  // namespace
}  // namespace berth::wire

#include "net/address.h"

#include <gtest/gtest.h>

namespace berth::net {

TEST(address, is_read_and_written) {
    for (const char* text : {"localhost:8443", "192.0.2.1:0", "[2001:db8::1]:65535", "[::]:1"}) {
        const auto parsed = parse_address(text);
        ASSERT_TRUE(parsed) << text;
        EXPECT_EQ(parsed->text(), text);
    }
    EXPECT_EQ(parse_address("[::1]:7")->host, "::1");
}

TEST(address, that_is_none_is_refused) {
    for (const char* text : {"", ":", "localhost", "localhost:", ":443", "localhost:65536", "localhost:-1", "localhost:4x",
                             "::1:443", "[::1:443", "[]:443", "[::1]443", "localhost: 443"}) {
        const auto parsed = parse_address(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().name, "bad_address");
    }
}

}  // namespace berth::net

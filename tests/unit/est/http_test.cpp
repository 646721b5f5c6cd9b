#include "est/http.h"

namespace berth::est {

namespace {

TEST(EstHttp, HeadersHaveNoCase) {
    http_headers h;
    h.add("Content-Type", "a");
    h.add("content-type", "b");
    EXPECT_EQ(h.get("CONTENT-TYPE"), "a");
    EXPECT_EQ(h.get("Accept"), "");
}

// RFC 9110 8.3.1.
TEST(EstHttp, MediaTypes) {
    const auto t = parse_media_type("Application/PKCS7-mime; SMIME-Type=certs-only ;name=\"a \\\"b\\\";c\"");
    ASSERT_TRUE(t);
    EXPECT_EQ(t->type, "application/pkcs7-mime");
    EXPECT_EQ(t->parameter("smime-type"), "certs-only");
    EXPECT_EQ(t->parameter("name"), "a \"b\";c");
    EXPECT_EQ(t->parameter("charset"), "");
    EXPECT_TRUE(parse_media_type("application/pkcs10;"));
    for (const char* bad : {"", "application", "/x", "a/", "a/b c", "a/b; c", "a/b; =c", "a/b; c=", "a/b; c=\"d", "a/b; c=\"d\\",
                            "a/b, c/d", "a/b; c=d e"}) {
        EXPECT_FALSE(parse_media_type(bad)) << bad;
    }
}

// RFC 9110 5.6.7, its example.
TEST(EstHttp, Dates) {
    EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), 784'111'777);
    EXPECT_EQ(parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
    EXPECT_EQ(parse_http_date("Thu, 31 Dec 2099 23:59:59 GMT"), 4'102'444'799);
    for (const char* bad : {"", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 31 Feb 1994 08:49:37 GMT",
                            "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, -6 Nov 1994 08:49:37 GMT",
                            "Wed, 31 Dec 1969 23:59:59 GMT"}) {
        EXPECT_FALSE(parse_http_date(bad)) << bad;
    }
}

// RFC 9110 10.2.3: seconds or a date.
TEST(EstHttp, RetryAfter) {
    EXPECT_EQ(parse_retry_after("120", 0), 120u);
    EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784'111'700), 77u);
    EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 800'000'000), 0u);
    for (const char* bad : {"", "-1", "+1", "1.5", "soon", "99999999999", "120 "}) {
        EXPECT_FALSE(parse_retry_after(bad, 0)) << bad;
    }
}

}  // namespace

}  // namespace berth::est

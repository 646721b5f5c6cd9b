// Asking for a file in pieces: what ends it, what is tried again, and when.
#include "firmware/fetch.h"
#include "makers.h"

namespace berth::firmware {
namespace {

using test::name_of;

constexpr std::string_view content = "0123456789";
constexpr const char* url = "http://h/images/x";

struct Fetching : testing::Test {
    test::named_random random{"fetch"};
    fetch_limits limits{4, 3, 1000, 5000, 2};
    stored_octets what{to_hex(crypto::sha256(as_bytes(content)).view()), content.size()};
    std::string got;

    std::string asked(fetch& f) {
        const auto step = f.next();
        const auto* const ask = std::get_if<fetch::ask>(&step);
        return ask != nullptr ? ask->url + " " + ask->range : "none";
    }
    milliseconds waits(fetch& f) {
        const auto step = f.next();
        const auto* const wait = std::get_if<fetch::wait>(&step);
        return wait != nullptr ? wait->time : -1;
    }
    static bool is_done(fetch& f) { return std::holds_alternative<fetch::done>(f.next()); }
    std::string answer(fetch& f, unsigned status, std::string_view range, std::string_view body, std::string_view location = {},
                       std::string_view retry = {}) {
        const auto taken = f.answered({status, location, range, retry, as_bytes(body)});
        if (taken) {
            got += as_text(*taken);
        }
        return name_of(taken);
    }
};

TEST_F(Fetching, InPieces) {
    fetch f(what, url, limits, random);
    EXPECT_EQ(asked(f), "http://h/images/x bytes=0-3");
    EXPECT_EQ(answer(f, 206, "bytes 0-3/10", "0123"), "accepted");
    EXPECT_EQ(asked(f), "http://h/images/x bytes=4-7");
    EXPECT_EQ(answer(f, 206, "bytes 4-6/10", "456"), "accepted") << "less than was asked for";
    EXPECT_EQ(asked(f), "http://h/images/x bytes=7-9");
    EXPECT_EQ(answer(f, 206, "bytes 7-9/10", "789"), "accepted");
    EXPECT_TRUE(is_done(f));
    EXPECT_EQ(got, content);
}

TEST_F(Fetching, GoesOnFromWhatIsThere) {
    fetch f(what, url, limits, random);
    crypto::hasher hashed(crypto::hash_algorithm::sha256);
    ASSERT_TRUE(f.resume(8, hashed.update(as_bytes(content.substr(0, 8)))));
    EXPECT_EQ(asked(f), "http://h/images/x bytes=8-9");
    EXPECT_EQ(answer(f, 206, "bytes 8-9/10", "89"), "accepted");
    EXPECT_TRUE(is_done(f));
    fetch other(what, url, limits, random);
    EXPECT_EQ(name_of(other.resume(11, crypto::hasher(crypto::hash_algorithm::sha256))), "too_long");
    EXPECT_EQ(name_of(other.resume(10, crypto::hasher(crypto::hash_algorithm::sha256))), "digest_mismatch");
    EXPECT_EQ(asked(other), "http://h/images/x bytes=0-3");
    // A server without ranges: all of it, of which the rest is taken.
    fetch whole(what, url, limits, random);
    crypto::hasher some(crypto::hash_algorithm::sha256);
    ASSERT_TRUE(whole.resume(8, some.update(as_bytes(content.substr(0, 8)))));
    got.clear();
    EXPECT_EQ(answer(whole, 200, "", content), "accepted");
    EXPECT_EQ(got, "89");
    EXPECT_TRUE(is_done(whole));
}

TEST_F(Fetching, WhatIsNotWhatWasAskedFor) {
    for (const auto& [status, range, body, name] : std::vector<std::tuple<unsigned, std::string, std::string, std::string>>{
             {206, "bytes 0-3/11", "0123", "size_mismatch"},   // longer
             {206, "bytes 0-3/9", "0123", "size_mismatch"},    // shorter
             {206, "bytes 4-7/10", "4567", "size_mismatch"},   // another piece
             {206, "bytes 0-3/10", "01234", "size_mismatch"},  // more than it says
             {206, "bytes 0-3/10", "012", "size_mismatch"},
             {206, "bytes 0-4/10", "01234", "size_mismatch"},  // more than was asked for
             {206, "bytes 0-3/*", "0123", "size_mismatch"},
             {206, "bytes 18446744073709551615-2/10", "0123", "size_mismatch"},
             {206, "", "0123", "size_mismatch"},
             {200, "", "012345678", "size_mismatch"},
             {200, "", "01234567890", "size_mismatch"},
             {200, "", "012345678X", "digest_mismatch"},
             {416, "", "", "size_mismatch"},
             {204, "", "", "download_refused"},
             {400, "", "", "download_refused"},
             {403, "", "", "download_refused"},
             {404, "", "", "download_refused"},
             {410, "", "", "download_refused"}}) {
        fetch f(what, url, limits, random);
        EXPECT_EQ(answer(f, status, range, body), name) << status << " " << range << " " << body;
    }
    fetch f(what, url, limits, random);
    EXPECT_EQ(answer(f, 206, "bytes 0-3/10", "0123"), "accepted");
    EXPECT_EQ(answer(f, 206, "bytes 4-7/10", "4567"), "accepted");
    EXPECT_EQ(answer(f, 206, "bytes 8-9/10", "8X"), "digest_mismatch") << "swapped while it was fetched";
}

TEST_F(Fetching, FailuresAreTriedAgainLaterAndNotForEver) {
    fetch f(what, url, limits, random);
    EXPECT_EQ(answer(f, 500, "", ""), "accepted");
    const auto first = waits(f);
    EXPECT_GE(first, 500);
    EXPECT_LE(first, 1000);
    EXPECT_EQ(asked(f), "http://h/images/x bytes=0-3");
    ASSERT_TRUE(f.broke({error_category::environment, "connection_lost", "gone"}));
    const auto second = waits(f);
    EXPECT_GE(second, 1000);
    EXPECT_LE(second, 2000);
    // A piece that comes begins anew.
    EXPECT_EQ(answer(f, 206, "bytes 0-3/10", "0123"), "accepted");
    EXPECT_EQ(answer(f, 503, "", "", "", "3"), "accepted");
    EXPECT_EQ(waits(f), 3000) << "as the server asks";
    EXPECT_EQ(answer(f, 429, "", "", "", "86400"), "accepted");
    EXPECT_EQ(waits(f), 5000) << "within bounds";
    EXPECT_EQ(answer(f, 500, "", ""), "download_failed");
}

TEST_F(Fetching, Redirects) {
    fetch f(what, url, limits, random);
    EXPECT_EQ(answer(f, 302, "", "", "/other"), "accepted");
    EXPECT_EQ(asked(f), "http://h/other bytes=0-3");
    EXPECT_EQ(answer(f, 307, "", "", "https://cdn/x"), "accepted");
    EXPECT_EQ(asked(f), "https://cdn/x bytes=0-3");
    EXPECT_EQ(answer(f, 302, "", "", "https://cdn/x"), "too_many_redirects");
    for (const auto& [base, reference, to] :
         std::vector<std::tuple<std::string, std::string, std::string>>{{"https://h/a", "http://h/a", "bad_redirect"},
                                                                        {"https://h/a", "https://other/b", "https://other/b"},
                                                                        {"http://h:80/a", "/b", "http://h:80/b"},
                                                                        {"http://h/a", "//other/b", "bad_redirect"},
                                                                        {"http://h/a", "ftp://h/b", "bad_redirect"},
                                                                        {"http://h/a", "b", "bad_redirect"},
                                                                        {"http://h/a", "/b c", "bad_redirect"},
                                                                        {"http://h/a", "", "bad_redirect"}}) {
        const auto r = resolve(base, reference);
        EXPECT_EQ(r ? *r : r.error().name, to) << base << " " << reference;
    }
}

TEST_F(Fetching, SmallFilesWhole) {
    const auto f = fetch::whole("http://h/list.json", 5, limits, random);
    EXPECT_EQ(asked(*f), "http://h/list.json ");
    EXPECT_EQ(answer(*f, 500, "", ""), "accepted");
    EXPECT_GE(waits(*f), 500);
    EXPECT_EQ(answer(*f, 200, "", "12345"), "accepted");
    EXPECT_EQ(got, "12345");
    EXPECT_TRUE(is_done(*f));
    const auto large = fetch::whole("http://h/list.json", 5, limits, random);
    EXPECT_EQ(answer(*large, 200, "", "123456"), "too_large");
    const auto missing = fetch::whole("http://h/list.json", 5, limits, random);
    EXPECT_EQ(answer(*missing, 404, "", ""), "download_refused");
}

}  // namespace
}  // namespace berth::firmware

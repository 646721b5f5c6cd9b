// HTTP messages without a socket.
#include "net/http_codec.h"
#include "net/http_router.h"

#include <gmock/gmock.h>

namespace berth::net {

namespace {

// Feeds a text in pieces; "complete", "more", or the error's name.
std::string read_all(request_reader& reader, std::string_view text, size_t piece = SIZE_MAX) {
    std::string waiting;
    while (true) {
        bytes_view left = as_bytes(waiting);
        const auto progress = reader.read(left);
        waiting.erase(0, waiting.size() - left.size());
        if (!progress) {
            return progress.error().name;
        }
        if (*progress == read_progress::complete) {
            return "complete";
        }
        if (*progress == read_progress::more) {
            if (text.empty()) {
                return "more";
            }
            const std::string_view part = text.substr(0, piece);
            waiting += part;
            text.remove_prefix(part.size());
        }
    }
}

std::string outcome(std::string_view text, const http_size_limits& limits = {}, size_t piece = SIZE_MAX) {
    request_reader reader(limits);
    return read_all(reader, text, piece);
}

constexpr std::string_view post = "POST /v1/things?a=1&b=%20x HTTP/1.1\r\nHost: h\r\nContent-Type: Text/Plain; charset=x\r\n"
                                  "Content-Length: 5\r\n\r\nhello";

}  // namespace

TEST(request_reader, reads_a_request_however_it_is_cut) {
    for (const size_t piece : {size_t{1}, size_t{2}, size_t{3}, size_t{17}, SIZE_MAX}) {
        request_reader reader({});
        EXPECT_TRUE(reader.fresh());
        ASSERT_EQ(read_all(reader, post, piece), "complete") << piece;
        EXPECT_TRUE(reader.keep_alive());
        const http_request r = reader.take();
        EXPECT_EQ(r.method, "POST");
        EXPECT_EQ(r.path, "/v1/things");
        EXPECT_EQ(r.query.at("a"), "1");
        EXPECT_EQ(r.query.at("b"), " x");
        EXPECT_EQ(r.headers.get("HOST"), "h");
        EXPECT_EQ(r.content_type(), "text/plain");
        EXPECT_EQ(r.body, "hello");
    }
}

TEST(request_reader, ignores_empty_lines_before_a_request_however_they_are_cut) {
    const std::string text = "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n";
    for (size_t piece = 1; piece <= text.size(); ++piece) {
        EXPECT_EQ(outcome(text, {}, piece), "complete") << piece;
    }
    EXPECT_EQ(outcome("\rGET / HTTP/1.1\r\nHost: h\r\n\r\n", {}, 1), "malformed");
}

TEST(request_reader, reads_chunked_bodies) {
    const std::string text =
        "PUT /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5;e=1\r\ndefgh\r\n0\r\n\r\n";
    for (const size_t piece : {size_t{1}, size_t{5}, SIZE_MAX}) {
        request_reader reader({});
        ASSERT_EQ(read_all(reader, text, piece), "complete") << piece;
        EXPECT_EQ(reader.take().body, "abcdefgh");
    }
}

TEST(request_reader, leaves_the_next_request_alone) {
    const std::string two = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n";
    request_reader reader({});
    bytes_view left = as_bytes(two);
    ASSERT_EQ(*reader.read(left), read_progress::complete);
    EXPECT_EQ(as_text(left), "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
}

TEST(request_reader, refuses_what_is_malformed) {
    const std::pair<const char*, const char*> cases[] = {
        {"GARBAGE\r\n\r\n", "malformed"},
        {"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", "malformed"},
        {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", "unsupported_version"},
        {"GET / HTTP/1.1\r\n\r\n", "malformed"},                        // no Host
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "malformed"},  // two
        {"GET / HTTP/1.1\r\nHost: h\r\nBad Name: x\r\n\r\n", "malformed"},
        {"GET / HTTP/1.1\r\nHost: h\r\nName : x\r\n\r\n", "malformed"},
        {"GET / HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n", "malformed"},
        {"GET http://h/ HTTP/1.1\r\nHost: h\r\n\r\n", "malformed"},  // absolute form: proxies only
        {"GET /?%zz HTTP/1.1\r\nHost: h\r\n\r\n", "malformed"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n", "malformed"},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "malformed"},
        // Both framings at once: a way to smuggle requests.
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "malformed"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", "malformed"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", "unsupported_encoding"},
        {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "malformed"},
    };
    for (const auto& [text, name] : cases) {
        EXPECT_EQ(outcome(text), name) << text;
        EXPECT_EQ(outcome(text, {}, 1), name) << text;
    }
}

// What another one may see end elsewhere.
TEST(request_reader, refuses_what_has_two_ends) {
    const auto post = [](const std::string& fields, const std::string& behind = "0\r\n\r\n") {
        return "POST / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n" + behind;
    };
    const std::string chunked = "Transfer-Encoding: chunked\r\n";
    const std::pair<std::string, const char*> cases[] = {
        {post("Content-Length: 0\r\nContent-Length: 0\r\n"), "malformed"},
        {post("Content-Length: 1, 1\r\n"), "malformed"},
        {post("Content-Length: +1\r\n"), "malformed"},
        {post("Content-Length:\r\n"), "malformed"},
        {post("Transfer-Encoding:\r\n"), "unsupported_encoding"},
        {post("Transfer-Encoding: \r\nContent-Length: 5\r\n"), "unsupported_encoding"},
        {post("Transfer-Encoding: gzip, chunked\r\n"), "unsupported_encoding"},
        {post("Transfer-Encoding: chunked, identity\r\n"), "unsupported_encoding"},
        {post("Transfer-Encoding: chunked;q=1\r\n"), "unsupported_encoding"},
        {post("Transfer-Encoding: \"chunked\"\r\n"), "unsupported_encoding"},
        {post("Transfer-Encoding: identity\r\n" + chunked), "unsupported_encoding"},
        {post(chunked + chunked), "malformed"},
        {post("Transfer-Encoding:\r\n chunked\r\n"), "malformed"},
        {post("X: a\r\n\tb\r\nContent-Length: 5\r\n"), "malformed"},
        {"POST / HTTP/1.0\r\nHost: h\r\n" + chunked + "\r\n0\r\n\r\n", "malformed"},
        {post(chunked, "1;a=\"\n\"\r\nx\r\n0\r\n\r\n"), "malformed"},
        {post(chunked, "1\nx\r\n0\r\n\r\n"), "malformed"},
        {post(chunked, "0\r\nContent-Length: 5\r\n\r\n"), "malformed"},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "malformed"},
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "malformed"},
        // As they should be.
        {post("transfer-encoding: Chunked \r\n"), "complete"},
        {post(chunked, "1;a=\"b c\"\r\nx\r\n0\r\nX: y\r\n\r\n"), "complete"},
        {"GET / HTTP/1.1\r\nHost: [::1]:443\r\n\r\n", "complete"},
    };
    for (const auto& [text, name] : cases) {
        EXPECT_EQ(outcome(text), name) << text;
        EXPECT_EQ(outcome(text, {}, 1), name) << text;
    }
}

TEST(request_reader, has_limits) {
    const http_size_limits limits{.most_header = 200, .most_body = 10};
    EXPECT_EQ(outcome("GET /" + std::string(300, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n", limits), "header_too_large");
    EXPECT_EQ(outcome("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(300, 'x'), limits), "header_too_large");
    EXPECT_EQ(outcome("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n", limits), "too_large");
    EXPECT_EQ(outcome("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n0123456789", limits), "complete");
    EXPECT_EQ(outcome("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n", limits),
              "too_large");
    EXPECT_EQ(outcome("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\n", limits), "malformed");
}

TEST(request_reader, knows_when_the_connection_ends) {
    const std::pair<const char*, bool> cases[] = {{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", true},
                                                  {"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", false},
                                                  {"GET / HTTP/1.0\r\n\r\n", false}};
    for (const auto& [text, kept] : cases) {
        request_reader reader({});
        ASSERT_EQ(read_all(reader, text), "complete");
        EXPECT_EQ(reader.keep_alive(), kept) << text;
    }
}

TEST(response_reader, reads_by_length_by_chunks_and_to_the_end) {
    const auto read = [](std::string_view text, bool to_head = false) {
        response_reader reader({}, to_head);
        bytes_view left = as_bytes(text);
        while (true) {
            const auto progress = reader.read(left);
            EXPECT_TRUE(progress) << progress.error().message;
            if (!progress || *progress == read_progress::more) {
                EXPECT_TRUE(left.empty());
                EXPECT_TRUE(reader.end_of_input());
                break;
            }
            if (*progress == read_progress::complete) {
                break;
            }
        }
        return reader.take();
    };
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").body, "ok");
    EXPECT_EQ(read("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx").status, 201U);
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n").body, "ok");
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\n\r\nto the end").body, "to the end");
    EXPECT_EQ(read("HTTP/1.1 204 No Content\r\n\r\n").status, 204U);
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", true).headers.get("content-length"), "99");
}

TEST(response_reader, that_ends_early_is_truncated) {
    response_reader reader({}, false);
    bytes_view left = as_bytes("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok");
    ASSERT_TRUE(reader.read(left));
    ASSERT_TRUE(reader.read(left));
    const auto ended = reader.end_of_input();
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().name, "truncated");
}

TEST(encode, leaves_out_what_would_break_the_message) {
    http_response r = http_response::text(200, "body");
    r.headers.add("X-Evil", "a\r\nSet-Cookie: b");
    r.headers.add("Bad Name", "x");
    r.headers.add("Content-Length", "9999");
    r.headers.add("X-Good", "yes");
    const bytes octets = encode_response(r, false, false);
    const std::string text(as_text(octets));
    EXPECT_EQ(text, "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nX-Good: yes\r\nConnection: close\r\n"
                    "Content-Length: 4\r\n\r\nbody");
    // What GET would have, which whoever answers HEAD need not have at hand.
    http_response head = http_response::empty(200);
    head.headers.add("Content-Length", "5000");
    EXPECT_THAT(std::string(as_text(encode_response(head, true, true))), testing::HasSubstr("Content-Length: 5000\r\n"));
    EXPECT_THAT(std::string(as_text(encode_response(head, true, false))), testing::HasSubstr("Content-Length: 0\r\n"));
    EXPECT_THAT(std::string(as_text(encode_response(http_response::empty(), true, false))),
                testing::Not(testing::HasSubstr("Content-Length")));
}

TEST(http_router, prefers_what_is_spelt_out_and_refuses_the_rest) {
    http_router router;
    const auto says = [](const char* what) { return [what](const http_request&) { return http_response::text(200, what); }; };
    router.add("GET", "/v1/devices", says("list"));
    router.add("GET", "/v1/devices/{id}", says("one"));
    router.add("DELETE", "/v1/devices/{id}", says("gone"));
    router.add("GET", "/v1/devices/special", says("special"));
    router.add("GET", "/v1/{kind}/x/{rest...}", says("rest"));
    router.add("GET", "/", says("root"));
    router.not_implemented("PATCH", "/v1/devices/{id}");

    EXPECT_EQ(router.find("GET", "/v1/devices/special").route, "/v1/devices/special");
    const auto one = router.find("GET", "/v1/devices/a%2Fb");
    EXPECT_EQ(one.route, "/v1/devices/{id}");
    EXPECT_EQ(one.params.at("id"), "a/b");
    const auto rest = router.find("GET", "/v1/devices/x/y/z");
    EXPECT_EQ(rest.params.at("kind"), "devices");
    EXPECT_EQ(rest.params.at("rest"), "y/z");
    EXPECT_NE(router.find("HEAD", "/").handle, nullptr);

    const auto refused = [&](const char* method, const char* path) { return router.find(method, path).refusal.status; };
    EXPECT_EQ(refused("GET", "/v2"), 404U);
    EXPECT_EQ(refused("GET", "/v1"), 404U);
    EXPECT_EQ(refused("GET", "/v1/devices/"), 404U);
    EXPECT_EQ(refused("GET", "//v1/devices"), 404U);
    EXPECT_EQ(refused("GET", "*"), 404U);
    EXPECT_EQ(refused("POST", "/v1/devices"), 405U);
    EXPECT_EQ(refused("BREW", "/v1/devices"), 501U);
    EXPECT_EQ(refused("get", "/v1/devices"), 501U);
    EXPECT_EQ(refused("PATCH", "/v1/devices/1"), 501U);
    EXPECT_EQ(refused("GET", "/v1/devices/%0"), 400U);
    EXPECT_EQ(router.find("POST", "/v1/devices/1").refusal.headers.get("allow"), "DELETE, GET, HEAD, PATCH");
}

TEST(http_router, prefers_a_name_to_all_that_is_left) {
    http_router router;
    const auto says = [](const http_request&) { return http_response::text(200, ""); };
    router.add("GET", "/{rest...}", says);
    router.add("GET", "/{scope}/registrations/{rest...}", says);
    router.add("GET", "/v1/import", says);
    EXPECT_EQ(router.find("GET", "/0ne/registrations/dev1/register").route, "/{scope}/registrations/{rest...}");
    EXPECT_EQ(router.find("GET", "/0ne/registrations/dev1/register").params.at("scope"), "0ne");
    EXPECT_EQ(router.find("GET", "/v1/import").route, "/v1/import");
    const auto left = router.find("GET", "/v1/import/more");
    EXPECT_EQ(left.route, "/{rest...}");
    EXPECT_EQ(left.params.at("rest"), "v1/import/more");
    EXPECT_EQ(left.params.size(), 1U) << "names that were tried leave nothing behind";
    EXPECT_EQ(router.find("GET", "/devices/").params.at("rest"), "devices/");
    EXPECT_EQ(router.find("GET", "/").refusal.status, 404U);
}

TEST(http_responder, answers_once_and_never_not_at_all) {
    std::vector<unsigned> answers;
    const auto sink = [&](const http_response& r) { answers.push_back(r.status); };
    {
        const http_responder r(sink);
        const http_responder copy = r;
        copy(http_response::empty(200));
        r(http_response::empty(201));
        EXPECT_TRUE(r.answered());
    }
    {
        const http_responder dropped(sink);
    }
    EXPECT_THAT(answers, testing::ElementsAre(200, 500));
}

TEST(url, is_read) {
    const auto u = parse_url("https://host.example/a?b");
    ASSERT_TRUE(u);
    EXPECT_EQ(u->transport, transport_kind::tls);
    EXPECT_EQ(u->host.port, 443);
    EXPECT_EQ(u->target, "/a?b");
    EXPECT_EQ(parse_url("http://[::1]:8080")->host.text(), "[::1]:8080");
    EXPECT_EQ(parse_url("http://[::1]")->host.port, 80);
    EXPECT_EQ(parse_url("authkem://h:1?x")->target, "/?x");
    for (const char* bad : {"ftp://h/", "https://", "https://u@h/", "https://h/#f", "https://h:x/", "https://h/ x", "h:80"}) {
        const auto refused = parse_url(bad);
        ASSERT_FALSE(refused) << bad;
        EXPECT_EQ(refused.error().name, "bad_url");
    }
}

}  // namespace berth::net

// Framings of base64 that exist, and the two parts of a generated key.
#include "est/body.h"
#include "support/test_pki.h"
#include "wire/base64.h"

namespace berth::est {

namespace {

using test::name_of_error;
using test::value_of;

bytes some(size_t size) {
    bytes out(size);
    test::named_random("body").fill(out);
    return out;
}

// What was measured of others: libest reads lines of 76, strongSwan one line; each fails with the other's as soon as the body is
// of some size.
TEST(EstBody, TheFramingIsThePeers) {
    EXPECT_EQ(framing_for("libest 1.0"), framing::lines_76);
    EXPECT_EQ(framing_for("libest"), framing::lines_76);
    EXPECT_EQ(framing_for("Libest/3"), framing::lines_76);
    EXPECT_EQ(framing_for("curl/7.88 libest"), framing::one_line);
    EXPECT_EQ(framing_for("lib"), framing::one_line);
    EXPECT_EQ(framing_for(""), framing::one_line);  // strongSwan sends none
}

TEST(EstBody, EveryFramingEndsWithANewlineAndIsReadAgain) {
    for (const size_t size : {1u, 2u, 3u, 47u, 48u, 57u, 58u, 8'000u}) {
        for (const auto& [f, width] :
             {std::pair{framing::one_line, size_t{0}}, {framing::lines_76, 76}, {framing::lines_64, 64}}) {
            const std::string text = framed(some(size), f);
            EXPECT_EQ(text.back(), '\n');
            EXPECT_EQ(std::ranges::count(text, '\n'), width == 0 ? 1 : static_cast<long>((text.size() + width) / (width + 1)));
            EXPECT_EQ(value_of(unframed(text)), some(size));
        }
    }
}

// RFC 8951 3.1: white space is to be tolerated wherever it is.
TEST(EstBody, WhiteSpaceAnywhereIsPassedOver) {
    const std::string text = wire::base64(some(300));
    std::string every;
    for (size_t i = 0; i < text.size(); ++i) {
        every += text[i];
        every += " \t\r\n"[i % 4];
    }
    EXPECT_EQ(value_of(unframed(text)), some(300));
    EXPECT_EQ(value_of(unframed("\r\n\t " + text + "\r\n\r\n")), some(300));
    EXPECT_EQ(value_of(unframed(every)), some(300));
}

TEST(EstBody, AllElseIsRefused) {
    for (const std::string bad : {"", " \n", "AAA", "AAAA=", "AA-_", "AAB=", "=AAA", "AAAA\v", "AAAA;",
                                  "AAAA====", "-----BEGIN X-----\nAAAA\n-----END X-----\n"}) {
        EXPECT_EQ(name_of_error(unframed(bad)), "bad_base64") << bad;
    }
    EXPECT_EQ(name_of_error(unframed(std::string("AAAA\0AAA", 8))), "bad_base64");
    const bytes der = some(100);
    EXPECT_EQ(name_of_error(unframed(as_text(der))), "bad_base64");  // raw DER, which other servers have sent
}

TEST(EstBody, LimitsAreThoseOfTheText) {
    const std::string text(4'000, 'A');
    EXPECT_EQ(name_of_error(unframed(text, 3'999)), "too_large");
    EXPECT_EQ(value_of(unframed(text, 4'000)).size(), 3'000u);
    EXPECT_EQ(name_of_error(unframed(std::string(1024 * 1024, 'A'))), "too_large");
    EXPECT_EQ(name_of_error(unframed(std::string(1024 * 1024, '\n'))), "too_large");  // white space counts
}

// RFC 7030 4.4.2.
TEST(EstMultipart, BothPartsComeBack) {
    for (const framing f : {framing::one_line, framing::lines_76}) {
        const bytes key = some(100);
        const http_response r = multipart_of({secret_bytes(key), some(5'000)}, f);
        const auto kind = parse_media_type(r.headers.get("Content-Type"));
        ASSERT_TRUE(kind);
        EXPECT_EQ(kind->type, "multipart/mixed");
        const generated_parts parts = value_of(read_multipart(*kind, r.body));
        EXPECT_TRUE(same_octets(parts.pkcs8.reveal(), key));
        EXPECT_EQ(parts.certs_only, some(5'000));
    }
}

std::string part(std::string_view type, std::string_view body = "AAAA") {
    return fmt::format("--b\r\nContent-Type: {}\r\n\r\n{}\r\n", type, body);
}
std::string read(const std::string& body, std::string_view type = "multipart/mixed; boundary=b") {
    return name_of_error(read_multipart(*parse_media_type(type), body));
}

TEST(EstMultipart, OtherWritersAreRead) {
    const std::string both = part("application/pkcs8") + part("application/pkcs7-mime; smime-type=certs-only");
    EXPECT_EQ(read(both + "--b--\r\n"), "accepted");
    EXPECT_EQ(read(part("application/pkcs7-mime") + part("application/pkcs8") + "--b--"), "accepted");
    EXPECT_EQ(read("a preamble\r\n" + both + "--b--\r\nan epilogue"), "accepted");
    std::string lines = both + "--b--\n";
    std::erase(lines, '\r');
    EXPECT_EQ(read(lines), "accepted");
    EXPECT_EQ(read(both + "--b--\r\n", "multipart/mixed; boundary=\"b\""), "accepted");
}

TEST(EstMultipart, AllElseIsRefused) {
    const std::string key = part("application/pkcs8");
    const std::string certificate = part("application/pkcs7-mime");
    for (const std::string& bad : {std::string(), key + certificate, key + "--b--", certificate + "--b--", key + key + "--b--",
                                   certificate + certificate + "--b--", key + certificate + part("text/plain") + "--b--",
                                   key + part("text/plain") + "--b--", std::string("--b--"),
                                   // RFC 7030 4.4.2: an encrypted key, which was not asked for.
                                   part("application/pkcs7-mime; smime-type=server-generated-key") + certificate + "--b--",
                                   "--b\r\n\r\nAAAA\r\n" + certificate + "--b--"}) {
        EXPECT_EQ(read(bad), "bad_multipart") << bad;
    }
    EXPECT_EQ(read(part("application/pkcs8", "???") + certificate + "--b--"), "bad_base64");
    EXPECT_EQ(read(key + certificate + "--b--", "multipart/mixed"), "bad_multipart");
    EXPECT_EQ(read(key + certificate + "--b--", "application/pkcs8; boundary=b"), "bad_multipart");
    EXPECT_EQ(read(key + certificate + "--b--", "multipart/mixed; boundary=" + std::string(71, 'b')), "bad_multipart");
    EXPECT_EQ(read(std::string(most_response + 1, 'A')), "too_large");
}

}  // namespace

}  // namespace berth::est

// Signature Version 4 by the examples that Amazon has published, and what is asked of a store that speaks S3.
#include "hub/files/s3.h"

#include "crypto/hash.h"

#include <gmock/gmock.h>

namespace berth::test {
namespace {

using namespace hub;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view example_secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
constexpr const char* of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr unix_seconds example_day = 1'369'353'600;  // 2013-05-24T00:00:00Z

aws_credential example() {
    return {"AKIAIOSFODNN7EXAMPLE", secret_bytes(as_bytes(example_secret)), "us-east-1", "s3"};
}

// Amazon S3 API Reference, "Signature Calculations for the Authorization Header", its four examples.
aws_request ask(const char* method, const char* path, aws_request::pairs query, aws_request::pairs headers,
                const char* payload = of_nothing) {
    aws_request out{method, path, std::move(query), std::move(headers), payload};
    out.headers.emplace_back("Host", "examplebucket.s3.amazonaws.com");
    out.headers.emplace_back("x-amz-content-sha256", payload);
    out.headers.emplace_back("x-amz-date", aws_date(example_day));
    return out;
}

TEST(AwsSignature, IsThatOfThePublishedExamples) {
    const auto by = example();
    EXPECT_EQ(aws_date(example_day), "20130524T000000Z");
    EXPECT_EQ(aws_authorization(ask("GET", "/test.txt", {}, {{"Range", "bytes=0-9"}}), by, example_day),
              "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;"
              "x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    EXPECT_THAT(aws_authorization(ask("PUT", "/test$file.text", {},
                                      {{"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                                      "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
                                  by, example_day),
                EndsWith("Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
    EXPECT_THAT(aws_authorization(ask("GET", "/", {{"lifecycle", ""}}, {}), by, example_day),
                EndsWith("Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
    EXPECT_THAT(aws_authorization(ask("GET", "/", {{"max-keys", "2"}, {"prefix", "J"}}, {}), by, example_day),
                EndsWith("Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
    EXPECT_THAT(aws_authorization(ask("GET", "/", {{"prefix", "J"}, {"max-keys", "2"}}, {}), by, example_day),
                EndsWith("Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"))
        << "whatever order it is asked in";
}

// AWS General Reference, "Signature Version 4 signing process": the example of IAM's ListUsers.
TEST(AwsSignature, IsThatOfAnotherServiceToo) {
    constexpr unix_seconds day = 1'440'938'160;  // 2015-08-30T12:36:00Z
    const aws_credential by{"AKIDEXAMPLE", secret_bytes(as_bytes(std::string_view("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))),
                            "us-east-1", "iam"};
    const aws_request asked{"GET",
                            "/",
                            {{"Action", "ListUsers"}, {"Version", "2010-05-08"}},
                            {{"Content-Type", "application/x-www-form-urlencoded;  charset=utf-8 "},
                             {"Host", "iam.amazonaws.com"},
                             {"X-Amz-Date", aws_date(day)}},
                            of_nothing};
    EXPECT_THAT(aws_authorization(asked, by, day),
                EndsWith("SignedHeaders=content-type;host;x-amz-date,"
                         "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"));
}

TEST(AwsSignature, HangsOnAllThatIsSaid) {
    const auto by = example();
    const auto right = aws_authorization(ask("GET", "/a", {{"b", "c"}}, {{"x-d", "e"}}), by, example_day);
    EXPECT_NE(aws_authorization(ask("PUT", "/a", {{"b", "c"}}, {{"x-d", "e"}}), by, example_day), right);
    EXPECT_NE(aws_authorization(ask("GET", "/A", {{"b", "c"}}, {{"x-d", "e"}}), by, example_day), right);
    EXPECT_NE(aws_authorization(ask("GET", "/a", {{"b", "d"}}, {{"x-d", "e"}}), by, example_day), right);
    EXPECT_NE(aws_authorization(ask("GET", "/a", {{"b", "c"}}, {{"x-d", "f"}}), by, example_day), right);
    EXPECT_NE(aws_authorization(ask("GET", "/a", {{"b", "c"}}, {{"x-d", "e"}}), by, example_day + 1), right);
    auto other = example();
    other.secret = secret_bytes(as_bytes(std::string_view("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEZ")));
    EXPECT_NE(aws_authorization(ask("GET", "/a", {{"b", "c"}}, {{"x-d", "e"}}), other, example_day), right);
    EXPECT_EQ(right.find(example_secret), std::string::npos);
}

TEST(S3, RequestsNameTheBucketInThePath) {
    s3_bucket in{"store.example:9000", "acme-files", "hub-1/", example()};
    const auto one = make_s3_request(in,
                                     {.method = "PUT",
                                      .key = "dev 1/a+b",
                                      .query = {{"partNumber", "2"}, {"uploadId", "x/y="}},
                                      .headers = {{"Content-Type", "text/plain"}},
                                      .payload = std::string(64, 'a')},
                                     example_day);
    EXPECT_EQ(one.method, "PUT");
    EXPECT_EQ(one.target, "/acme-files/hub-1/dev%201/a%2Bb?partNumber=2&uploadId=x%2Fy%3D");
    EXPECT_THAT(one.headers, testing::Contains(testing::Pair("Host", "store.example:9000")));
    EXPECT_THAT(one.headers, testing::Contains(testing::Pair("x-amz-content-sha256", std::string(64, 'a'))));
    EXPECT_THAT(one.headers, testing::Contains(testing::Pair("Content-Type", "text/plain")));
    EXPECT_THAT(one.headers.back().second,
                HasSubstr("SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date,Signature="));
    const auto none = make_s3_request(in, {.method = "DELETE", .key = "a"}, example_day);
    EXPECT_EQ(none.target, "/acme-files/hub-1/a");
    EXPECT_THAT(none.headers, testing::Contains(testing::Pair("x-amz-content-sha256", of_nothing)));
}

TEST(S3, ReadsAnswersAndSaysParts) {
    EXPECT_EQ(s3_text("<?xml?><Result><UploadId>a&amp;b</UploadId></Result>", "UploadId"), "a&b");
    EXPECT_EQ(s3_text("<Error><Code>NoSuchKey</Code>", "Code"), "NoSuchKey");
    EXPECT_EQ(s3_text("<Error><Code>NoSuchKey", "Code"), std::nullopt);
    EXPECT_EQ(s3_text("</Code><Code>x", "Code"), std::nullopt);
    EXPECT_EQ(s3_text("", "Code"), std::nullopt);
    EXPECT_THAT(s3_parts_xml({"\"a\"", "\"<b\""}),
                AllOf(StartsWith("<CompleteMultipartUpload "),
                      HasSubstr("<Part><PartNumber>1</PartNumber><ETag>&quot;a&quot;</ETag></Part>"
                                "<Part><PartNumber>2</PartNumber><ETag>&quot;&lt;b&quot;</ETag></Part>")));
}

TEST(S3, PartsAreNeverTooSmallOrTooMany) {
    constexpr uint64_t mebi = 1024 * 1024;
    EXPECT_EQ(s3_part_octets(s3_at_once + 1), s3_at_once);
    EXPECT_EQ(s3_part_octets(80'000 * mebi), 8 * mebi);
    EXPECT_EQ(s3_part_octets(80'000 * mebi + 1), 9 * mebi);
    const uint64_t large = uint64_t{1} << 40;
    EXPECT_LE((large + s3_part_octets(large) - 1) / s3_part_octets(large), 10'000);
}

TEST(S3, NamesThatLeadElsewhereAreNone) {
    for (const char* const good : {"abc", "acme-files", "a.b.c", "0ab"}) {
        EXPECT_TRUE(check_s3_bucket(good)) << good;
    }
    for (const char* const bad : {"", "ab", "Abc", "-abc", "abc-", "a/b", "a..b", "a b", "abc?", "..."}) {
        EXPECT_FALSE(check_s3_bucket(bad)) << bad;
    }
    EXPECT_FALSE(check_s3_bucket(std::string(64, 'a')));
    for (const char* const good : {"", "hub/", "hub-1/files/", "A_b.c/"}) {
        EXPECT_TRUE(check_s3_prefix(good)) << good;
    }
    for (const char* const bad : {"hub", "/", "/hub/", "a//", "../", "a/./", "a b/", "a?/"}) {
        EXPECT_FALSE(check_s3_prefix(bad)) << bad;
    }
}

TEST(S3, KnowsWhatIsRefusedOfOneThingAlone) {
    using of = s3_operation;
    using is = s3_verdict;
    const auto judge = [](of operation, unsigned status, const std::string& code = "") {
        return judge_s3(operation, status, code.empty() ? "<html>" : "<Error><Code>" + code + "</Code></Error>");
    };
    for (const auto each : {of::get, of::remove, of::give_up, of::other}) {
        EXPECT_EQ(judge(each, 200), is::good);
        EXPECT_EQ(judge(each, 204), is::good);
        EXPECT_EQ(judge(each, 301, "PermanentRedirect"), is::shut);
        EXPECT_EQ(judge(each, 404), is::shut) << "any web server";
        EXPECT_EQ(judge(each, 404, "NoSuchBucket"), is::shut);
        EXPECT_EQ(judge(each, 400, "AuthorizationHeaderMalformed"), is::refused);
        EXPECT_EQ(judge(each, 429, "SlowDown"), is::unreachable);
        EXPECT_EQ(judge(each, 503, "SlowDown"), is::unreachable);
    }
    EXPECT_EQ(judge(of::get, 404, "NoSuchKey"), is::missing);
    EXPECT_EQ(judge(of::remove, 404, "NoSuchKey"), is::missing);
    EXPECT_EQ(judge(of::other, 404, "NoSuchKey"), is::shut);
    EXPECT_EQ(judge(of::give_up, 404, "NoSuchUpload"), is::missing);
    EXPECT_EQ(judge(of::give_up, 405, "MethodNotAllowed"), is::missing);
    EXPECT_EQ(judge(of::give_up, 501, "NotImplemented"), is::missing);
    EXPECT_EQ(judge(of::other, 501, "NotImplemented"), is::unreachable);
    EXPECT_EQ(judge(of::other, 404, "NoSuchUpload"), is::refused);
    EXPECT_EQ(judge(of::get, 403, "AccessDenied"), is::refused);
    EXPECT_EQ(judge(of::get, 403, "SignatureDoesNotMatch"), is::shut);
    EXPECT_EQ(judge(of::remove, 403, "AccessDenied"), is::refused);
    EXPECT_EQ(judge(of::give_up, 403), is::refused);
    EXPECT_EQ(judge(of::other, 403, "AccessDenied"), is::shut);
    EXPECT_EQ(judge(of::other, 400, "EntityTooLarge"), is::refused_file);
    EXPECT_EQ(judge(of::other, 400, "MetadataTooLarge"), is::refused_file);
    EXPECT_EQ(judge(of::other, 413), is::refused_file);
}

TEST(S3, LeavesOutANameThatIsTooLong) {
    EXPECT_EQ(s3_facts("pump 1", "logs/\xC3\xBC.txt"),
              (aws_request::pairs{{"berth-device", "pump%201"}, {"berth-name", "logs/%C3%BC.txt"}}));
    EXPECT_EQ(s3_facts("d", std::string(500, ' ')).size(), 2U);
    EXPECT_EQ(s3_facts("d", std::string(501, ' ')).size(), 1U);
}

}  // namespace
}  // namespace berth::test

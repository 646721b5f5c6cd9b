// Names of files, tokens for them, blocks and their lists, and sums.
#include "crypto/md5.h"
#include "hub/files/blob_token.h"
#include "hub/files/blocks.h"
#include "hub/files/crc64.h"
#include "support/test_pki.h"
#include "wire/base64.h"

#include <gtest/gtest.h>

namespace berth::test {
namespace {

using namespace hub;

std::string judged(const std::string& name) {
    const auto read = parse_blob_name(name);
    EXPECT_TRUE(!read || read->text() == name);
    return name_of_error(read);
}

TEST(BlobName, IsBelowItsDeviceAndNowhereElse) {
    for (const char* const good : {"dev1/a", "dev1/logs/2026/a b.txt", "dev1/..a", "dev1/a..", "dev1/...", "dev1/\xc3\xa9?#%41",
                                   "dev1/.hidden", "de.v/1"}) {
        EXPECT_EQ(judged(good), "accepted") << good;
    }
    for (const std::string& bad :
         {std::string("dev1"), std::string("dev1/"), std::string("/a"), std::string("dev1//a"), std::string("dev1/a/"),
          std::string("dev1/.."), std::string("dev1/../dev2/a"), std::string("dev1/a/../../../etc"), std::string("dev1/."),
          std::string("dev1/./a"), std::string("../a"), std::string("./a"), std::string("dev1/a\\b"), std::string("dev1/a\nb"),
          std::string("dev1/a\0b", 8), std::string("dev1/\x7f"), std::string(""), std::string("/")}) {
        EXPECT_EQ(judged(bad), "bad_blob_name") << bad;
    }
    EXPECT_EQ(judged("dev1/" + std::string(most_blob_level, 'a')), "accepted");
    EXPECT_EQ(judged("dev1/" + std::string(most_blob_level + 1, 'a')), "bad_blob_name");
    std::string deep = "d";
    for (size_t i = 1; i < most_blob_levels; ++i) {
        deep += "/a";
    }
    EXPECT_EQ(judged(deep), "accepted");
    EXPECT_EQ(judged(deep + "/a"), "bad_blob_name");
    std::string longest = "dev1";
    while (longest.size() + 128 < most_blob_name) {
        longest += "/" + std::string(127, 'a');
    }
    longest += "/" + std::string(most_blob_name - longest.size() - 1, 'b');
    EXPECT_EQ(judged(longest), "accepted");
    EXPECT_EQ(judged(longest + "b"), "bad_blob_name");
    EXPECT_EQ(name_of_error(check_blob_name({"dev1/mod1", "a"})), "bad_blob_name");
}

TEST(Container, IsNoOtherPathOfTheHubs) {
    EXPECT_TRUE(check_container("device-files"));
    for (const char* const bad : {"", "ab", "Files", "-files", "files-", "a--b", "devices", "messages", "v1", "a/b", "a.b"}) {
        EXPECT_FALSE(check_container(bad)) << bad;
    }
}

class BlobToken : public testing::Test {
protected:
    static std::map<std::string, std::string> query_of(const std::string& token) {
        std::map<std::string, std::string> out;
        for (size_t from = 1; from < token.size();) {
            const size_t end = std::min(token.find('&', from), token.size());
            const auto one = token.substr(from, end - from);
            const size_t equals = one.find('=');
            std::string value;
            for (size_t i = equals + 1; i < one.size(); ++i) {
                if (one[i] == '%') {
                    value += static_cast<char>(std::stoi(one.substr(i + 1, 2), nullptr, 16));
                    i += 2;
                } else {
                    value += one[i];
                }
            }
            out[one.substr(0, equals)] = value;
            from = end + 1;
        }
        return out;
    }
    [[nodiscard]] std::string check(const blob_grant& wanted, const std::map<std::string, std::string>& shown,
                                    unix_seconds now = test_now, blob_use use = blob_use::write) const {
        return name_of_error(check_blob_token(wanted, shown, key, use, now));
    }
    secret_bytes key{bytes_view(bytes(32, 7))};
    blob_grant mine{"device-files", {"dev1", "a/b"}, 5};
    std::map<std::string, std::string> query = query_of(make_blob_token(mine, key, test_now + 60));
};

TEST_F(BlobToken, OpensItsFileUntilItsTime) {
    EXPECT_EQ(query.size(), 5U);
    EXPECT_EQ(query["sr"], "b");
    EXPECT_EQ(query["sp"], "rw");
    EXPECT_EQ(check(mine, query), "accepted");
    EXPECT_EQ(check(mine, query, test_now, blob_use::read), "accepted");
    EXPECT_EQ(check(mine, query, test_now + 59), "accepted");
    EXPECT_EQ(check(mine, query, test_now + 60), "token_expired");
    EXPECT_EQ(check(mine, query, test_now + 400 * day), "token_expired");
}

TEST_F(BlobToken, OpensNothingElse) {
    for (const blob_grant& other :
         {blob_grant{"device-files", {"dev1", "a/c"}, 5}, blob_grant{"device-files", {"dev2", "a/b"}, 5},
          blob_grant{"device-files", {"dev1", "a/b"}, 6}, blob_grant{"other-files", {"dev1", "a/b"}, 5},
          blob_grant{"device-files", {"dev1/a", "b"}, 5 + 1}}) {
        EXPECT_EQ(check(other, query), "bad_token") << other.name.text();
    }
    EXPECT_EQ(check(mine, {}), "no_token");
    for (const auto& [name, value] : query) {
        auto less = query;
        less.erase(name);
        EXPECT_NE(check(mine, less), "accepted") << name;
        auto changed = query;
        changed[name] = name == "sig" ? wire::base64(bytes(32, 1)) : value + "0";
        EXPECT_EQ(check(mine, changed), "bad_token") << name;
    }
    auto later = query;
    later["se"] = to_iso8601(test_now + 3'600);
    EXPECT_EQ(check(mine, later), "bad_token");
    EXPECT_EQ(name_of_error(check_blob_token(mine, query, secret_bytes(bytes_view(bytes(32, 8))), blob_use::write, test_now)),
              "bad_token");
}

TEST(Blocks, HaveIdsInBase64) {
    EXPECT_EQ(parse_block_id("YQ==").value(), (bytes{'a'}));
    EXPECT_TRUE(parse_block_id(wire::base64(bytes(64, 1))));
    for (const std::string& bad :
         {std::string(), std::string("YQ="), std::string("!"), std::string("../.."), wire::base64(bytes(65, 1))}) {
        EXPECT_EQ(name_of_error(parse_block_id(bad)), "bad_block_id") << bad;
    }
}

TEST(Blocks, AreListedAsSdksListThem) {
    const auto two = parse_block_list("\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<BlockList>\n"
                                      "  <Latest>YQ==</Latest><Uncommitted>Yg==</Uncommitted>\n</BlockList>\n");
    ASSERT_TRUE(two);
    EXPECT_EQ(*two, (std::vector<bytes>{{'a'}, {'b'}}));
    EXPECT_TRUE(parse_block_list("<BlockList></BlockList>")->empty());
    EXPECT_TRUE(parse_block_list("<BlockList/>")->empty());
    for (const char* const bad :
         {"", "<BlockList>", "<BlockList><Latest>YQ==</Latest>", "<BlockList><Latest>YQ==</Uncommitted></BlockList>",
          "<BlockList><Committed>YQ==</Committed></BlockList>", "<BlockList></BlockList>x", "<blocklist></blocklist>",
          "<!DOCTYPE a [<!ENTITY b \"c\">]><BlockList><Latest>&b;</Latest></BlockList>", "<?xml <BlockList></BlockList>",
          "<BlockList a=\"b\"></BlockList>"}) {
        EXPECT_EQ(name_of_error(parse_block_list(bad)), "bad_block_list") << bad;
    }
    EXPECT_EQ(name_of_error(parse_block_list("<BlockList><Latest>&#65;</Latest></BlockList>")), "bad_block_id");
    std::string many = "<BlockList>";
    for (size_t i = 0; i < most_block_list; ++i) {
        many += "<Latest>YQ==</Latest>";
    }
    EXPECT_TRUE(parse_block_list(many + "</BlockList>"));
    EXPECT_EQ(name_of_error(parse_block_list(many + "<Latest>YQ==</Latest></BlockList>")), "bad_block_list");
    EXPECT_EQ(block_list_xml({{{'a'}, 7}}),
              "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList><CommittedBlocks></CommittedBlocks><UncommittedBlocks><Block>"
              "<Name>YQ==</Name><Size>7</Size></Block></UncommittedBlocks></BlockList>");
    EXPECT_EQ(storage_error_xml("A", "b<c>&d"),
              "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>A</Code><Message>b&lt;c&gt;&amp;d</Message></Error>");
}

TEST(Sums, AreThoseOfOthers) {
    const auto nine = as_bytes(std::string_view("123456789"));
    EXPECT_EQ(crc64(nine), 0xae8b14860a799888U) << "the check value of CRC-64/NVME";
    EXPECT_EQ(crc64({}), 0U);
    EXPECT_EQ(crc64_text(nine), wire::base64(bytes{0x88, 0x98, 0x79, 0x0a, 0x86, 0x14, 0x8b, 0xae}));
    // Eight octets at once, and one by one.
    const bytes some(1'000, 0x5a);
    EXPECT_NE(crc64(some), crc64(bytes_view(some).first(999)));
    const auto md5 = crypto::md5(nine);
    ASSERT_TRUE(md5);
    EXPECT_EQ(wire::base64(*md5), "JfnnlDI7RTiF9RgfG2JNCw==");
}

}  // namespace
}  // namespace berth::test

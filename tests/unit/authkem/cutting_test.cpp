// How octets are cut into records and reads makes no difference (RFC 8446 section 5.1).
#include "unit/authkem/support.h"

#include <gtest/gtest.h>

namespace berth::authkem::test {
namespace {

class Cutting : public testing::TestWithParam<size_t> {};

TEST_P(Cutting, ReadsOfAnySizeMakeTheSameHandshake) {
    client_config client = plain_client();
    server_config server = plain_server();
    make_mutual(client, server);
    predistribute(client, server, GetParam() % 2 == 0);
    link l(client, server);
    ASSERT_TRUE(l.complete(GetParam())) << failure_of(l.client()) << "/" << failure_of(l.server());
    ASSERT_TRUE(l.client().send(bytes(50000, 7)));
    ASSERT_TRUE(l.pump(GetParam()));
    EXPECT_EQ(l.server().take_received(), bytes(50000, 7));
}

INSTANTIATE_TEST_SUITE_P(Sizes, Cutting, testing::Values(1, 2, 3, 4, 5, 6, 7, 20, 21, 22, 100, 1000, 16384, 16640, 70000));

class Fragmentation : public testing::TestWithParam<size_t> {};

TEST_P(Fragmentation, RecordsOfAnySizeMakeTheSameHandshake) {
    client_config client = plain_client();
    server_config server = plain_server();
    make_mutual(client, server, scheme::mlkem768_p256);
    client.records.max_content = GetParam();
    server.records.max_content = GetParam();
    link l(client, server);
    ASSERT_TRUE(l.complete()) << failure_of(l.client()) << "/" << failure_of(l.server());
    ASSERT_TRUE(l.server().send(bytes(3000, 9)));
    ASSERT_TRUE(l.pump());
    EXPECT_EQ(l.client().take_received(), bytes(3000, 9));
}

INSTANTIATE_TEST_SUITE_P(Sizes, Fragmentation,
                         testing::Values(1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 17, 48, 51, 52, 53, 500, 1000, 5000, 16384));

class Padding : public testing::TestWithParam<size_t> {};

TEST_P(Padding, IsSentAndIgnored) {
    client_config client = plain_client();
    server_config server = plain_server();
    make_mutual(client, server);
    client.records.padding_block = GetParam();
    server.records.padding_block = GetParam();
    link l(client, server);
    size_t checked = 0;
    l.on_wire = [&](role, bytes& octets) {
        for (const auto& [type, fragment] : records_in(octets)) {
            if (type == 23) {
                EXPECT_EQ((fragment.size() - 16) % GetParam(), 0U);
                ++checked;
            }
        }
    };
    ASSERT_TRUE(l.complete());
    for (const size_t size : std::initializer_list<size_t>{0, 1, 100, 255, 256, 257, 5000}) {
        ASSERT_TRUE(l.client().send(bytes(size, 3)));
        ASSERT_TRUE(l.pump());
        EXPECT_EQ(l.server().take_received(), bytes(size, 3));
    }
    EXPECT_GT(checked, 8U);
    // A full record has no room left for padding.
    l.on_wire = nullptr;
    ASSERT_TRUE(l.client().send(bytes(40000, 4)));
    ASSERT_TRUE(l.pump());
    EXPECT_EQ(l.server().take_received(), bytes(40000, 4));
}

INSTANTIATE_TEST_SUITE_P(Blocks, Padding, testing::Values(1, 2, 16, 100, 256));

// RFC 8446 5.1: "Handshake messages MAY be coalesced into a single TLSPlaintext record": EncryptedExtensions
// and what follows it end no key, so that a peer may put them into one record. Ours does not; the reader
// takes it.
TEST(Coalescing, MessagesOfOneRecordComeOutOneByOne) {
    handshake_reader reader;
    bytes record{8, 0, 0, 2, 1, 2, 13, 0, 0, 0, 11, 0, 0, 1};
    ASSERT_TRUE(reader.feed(record));
    EXPECT_EQ(reader.next_type()->value(), handshake_type::encrypted_extensions);
    auto first = reader.next();
    ASSERT_TRUE(first);
    EXPECT_EQ(to_bytes(first->body()), (bytes{1, 2}));
    const auto inside = reader.boundary();
    ASSERT_FALSE(inside);
    EXPECT_EQ(inside.error().name, "message_after_key_change");
    auto second = reader.next();
    ASSERT_TRUE(second);
    EXPECT_EQ(second->type, handshake_type::certificate_request);
    EXPECT_TRUE(second->body().empty());
    EXPECT_EQ(reader.next_type()->value(), handshake_type::certificate);
    EXPECT_FALSE(reader.next());
    EXPECT_TRUE(reader.partial());
    const bytes rest{42};
    ASSERT_TRUE(reader.feed(rest));
    auto third = reader.next();
    ASSERT_TRUE(third);
    EXPECT_EQ(to_bytes(third->octets), (bytes{11, 0, 0, 1, 42}));
    EXPECT_FALSE(reader.partial());
    EXPECT_TRUE(reader.boundary());
}

TEST(Coalescing, TheLengthIsJudgedFromTheHeaderBeforeAnythingIsKept) {
    handshake_reader reader;
    const bytes most{11, 1, 0, 0};
    ASSERT_TRUE(reader.feed(most));
    EXPECT_TRUE(reader.next_type());
    handshake_reader other;
    const bytes more{11, 1, 0, 1};
    ASSERT_TRUE(other.feed(more));
    const auto judged = other.next_type();
    ASSERT_FALSE(judged);
    EXPECT_EQ(judged.error().name, "message_too_long");
    EXPECT_EQ(alert_for(judged.error()), alert::decode_error);
    // The same when the header comes octet by octet.
    handshake_reader slow;
    for (size_t i = 0; i < 3; ++i) {
        ASSERT_TRUE(slow.feed(bytes_view(more).subspan(i, 1)));
        ASSERT_TRUE(slow.next_type());
        EXPECT_FALSE(slow.next());
    }
    ASSERT_TRUE(slow.feed(bytes_view(more).subspan(3, 1)));
    EXPECT_FALSE(slow.next_type());
}

TEST(BigChains, GoOverManyRecords) {
    const auto middle = root().subordinate("Middle CA");
    const auto low = middle.subordinate("Low CA");
    server_config server = plain_server();
    server.credentials = {low.issue(scheme::mlkem1024, {.name = "big.example", .padding = 30000})};
    const size_t size = server_context::make(server).value()->credential_for({0xFE42})->certificate.size();
    ASSERT_GT(size, 3 * max_plaintext / 2);
    ASSERT_LT(size, max_handshake_body);
    client_config client = plain_client();
    for (const size_t piece : {size_t{1}, size_t{1000}, SIZE_MAX}) {
        link l(client, server);
        ASSERT_TRUE(l.complete(piece)) << failure_of(l.client());
        EXPECT_EQ(l.client().session()->peer().chain().size(), 3U);
    }
}

TEST(BigChains, OverTheBoundOfAMessageAreRefusedWhenTheContextIsMade) {
    server_config server = plain_server();
    server.credentials = {root().issue(scheme::mlkem768, {.name = "huge.example", .padding = 70000})};
    const auto made = server_context::make(server);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().name, "too_large");
}

// Profile 6: "A client sends none over 16 000 octets (length field): it omits `early_auth`."
TEST(BigChains, AreNotSentAsEarlyCertificate) {
    client_config client = plain_client();
    server_config server = plain_server();
    make_mutual(client, server);
    predistribute(client, server, true);
    client.own = root().issue(scheme::mlkem768, {.name = "client.example", .padding = 12000});
    ASSERT_FALSE(client_context::make(client).value()->early_auth());
    // The server requires a certificate and therefore refuses the key; the full handshake follows.
    link l(client, server);
    ASSERT_TRUE(l.complete());
    EXPECT_EQ(l.server().session()->flow(), handshake_flow::pdk_refused);
    EXPECT_EQ(l.server().session()->peer().state(), verification::verified);

    client.own = root().issue(scheme::mlkem768, {.name = "client.example", .padding = 10000});
    ASSERT_TRUE(client_context::make(client).value()->early_auth());
    link smaller(client, server);
    ASSERT_TRUE(smaller.complete()) << failure_of(smaller.server());
    EXPECT_EQ(smaller.server().session()->flow(), handshake_flow::pdk);
}

}  // namespace
}  // namespace berth::authkem::test

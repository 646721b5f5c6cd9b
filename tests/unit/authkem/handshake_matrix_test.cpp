// Every flow with every scheme and every cipher suite, our client against our server.
#include "unit/authkem/support.h"

#include <gtest/gtest.h>

namespace berth::authkem::test {
namespace {

enum class mode { server_only, mutual, optional_shown, optional_empty, pdk, pdk_mutual, pdk_refused, pdk_refused_mutual };

constexpr std::array modes{mode::server_only, mode::mutual,     mode::optional_shown, mode::optional_empty,
                           mode::pdk,         mode::pdk_mutual, mode::pdk_refused,    mode::pdk_refused_mutual};
constexpr std::array mode_names{"server_only", "mutual",     "optional_shown", "optional_empty",
                                "pdk",         "pdk_mutual", "pdk_refused",    "pdk_refused_mutual"};

using parameters = std::tuple<scheme, cipher_suite, mode>;

class Matrix : public testing::TestWithParam<parameters> {};

bool is_mutual(mode m) {
    return m == mode::mutual || m == mode::optional_shown || m == mode::pdk_mutual || m == mode::pdk_refused_mutual;
}

void configure(mode m, scheme s, client_config& client, server_config& server) {
    switch (m) {
    case mode::server_only: break;
    case mode::mutual: make_mutual(client, server, s); break;
    case mode::optional_shown:
        make_mutual(client, server, s);
        server.client_auth = client_auth::request;
        break;
    case mode::optional_empty:
        client.expect_certificate_request = true;
        server.client_auth = client_auth::request;
        break;
    case mode::pdk: predistribute(client, server, false); break;
    case mode::pdk_mutual:
        make_mutual(client, server, s);
        predistribute(client, server, true);
        break;
    case mode::pdk_refused: {
        server_config another;
        another.credentials = {client_credential(s)};
        predistribute(client, another, false);
        break;
    }
    case mode::pdk_refused_mutual: {
        make_mutual(client, server, s);
        server_config another;
        another.credentials = {client_credential(s)};
        predistribute(client, another, true);
        break;
    }
    }
}

handshake_flow flow_of(mode m) {
    switch (m) {
    case mode::pdk:
    case mode::pdk_mutual: return handshake_flow::pdk;
    case mode::pdk_refused:
    case mode::pdk_refused_mutual: return handshake_flow::pdk_refused;
    default: return handshake_flow::full;
    }
}

TEST_P(Matrix, CompletesAndAgrees) {
    const auto [s, suite, m] = GetParam();
    client_config client = plain_client();
    server_config server = plain_server(s);
    client.suites = {suite};
    configure(m, s, client, server);
    link l(client, server);
    ASSERT_TRUE(l.complete()) << failure_of(l.client()) << "/" << failure_of(l.server());

    const session& ours = *l.client().session();
    const session& theirs = *l.server().session();
    EXPECT_EQ(ours.suite(), suite);
    EXPECT_EQ(theirs.suite(), suite);
    EXPECT_EQ(ours.scheme(), s);
    EXPECT_EQ(theirs.scheme(), s);
    EXPECT_EQ(ours.flow(), flow_of(m));
    EXPECT_EQ(theirs.flow(), flow_of(m));
    EXPECT_EQ(theirs.server_name(), "server.example");
    for (const char* label : {"EXPORTER-one", "EXPORTER-two"}) {
        EXPECT_EQ(to_hex(ours.exporter(label, as_bytes("context"), 100)->reveal()),
                  to_hex(theirs.exporter(label, as_bytes("context"), 100)->reveal()));
    }
    EXPECT_NE(to_hex(ours.exporter("EXPORTER-one", {}, 32)->reveal()), to_hex(ours.exporter("EXPORTER-two", {}, 32)->reveal()));

    if (flow_of(m) == handshake_flow::pdk) {
        EXPECT_EQ(ours.peer().state(), verification::predistributed);
        EXPECT_TRUE(ours.peer().chain().empty());
    } else {
        EXPECT_EQ(ours.peer().state(), verification::verified);
        EXPECT_EQ(ours.peer().chain().front(), server.credentials.front().chain.front());
    }
    if (is_mutual(m)) {
        EXPECT_EQ(theirs.peer().state(), verification::verified);
        EXPECT_EQ(theirs.peer().chain().front(), client.own->chain.front());
    } else {
        EXPECT_EQ(theirs.peer().state(), verification::none);
        EXPECT_TRUE(theirs.peer().chain().empty());
    }

    ASSERT_TRUE(l.client().send(as_bytes("from the client")));
    ASSERT_TRUE(l.server().send(as_bytes("from the server")));
    ASSERT_TRUE(l.pump());
    EXPECT_EQ(as_text(l.server().take_received()), "from the client");
    EXPECT_EQ(as_text(l.client().take_received()), "from the server");
}

INSTANTIATE_TEST_SUITE_P(All, Matrix,
                         testing::Combine(testing::ValuesIn(crypto::all_kem_algorithms), testing::ValuesIn(all_cipher_suites),
                                          testing::ValuesIn(modes)),
                         [](const testing::TestParamInfo<parameters>& p) {
                             return std::string(crypto::name_of(std::get<0>(p.param))) + "_" +
                                    std::string(name_of(std::get<1>(p.param))) + "_" +
                                    mode_names[static_cast<size_t>(std::get<2>(p.param))];
                         });

// Profile 4: "Exporter, peer chain and completion are released [...] only after the peer's Finished has been
// accepted".
TEST(Completion, ComesWithThePeersFinishedAndNotBefore) {
    client_config client = plain_client();
    server_config server = plain_server();
    make_mutual(client, server);
    link l(client, server);
    size_t flights = 0;
    while (l.client().has_output() || l.server().has_output()) {
        EXPECT_EQ(l.client().session(), nullptr);
        EXPECT_FALSE(l.client().send(as_bytes("too early")));
        ASSERT_TRUE(l.carry(role::client));
        if (l.server().completed()) {
            EXPECT_EQ(flights, 2U);
        }
        ASSERT_TRUE(l.carry(role::server));
        ++flights;
    }
    EXPECT_TRUE(l.client().completed());
    EXPECT_EQ(flights, 3U);
}

// Profile 9 gives the sizes for leaves without extensions of our making; what is fixed by the profile is the
// difference.
TEST(Sizes, PdkWithoutCertificateHasTheOctetsThatTheProfileNames) {
    client_config client = plain_client();
    server_config server = plain_server();
    client.server_name = "server.example";
    client.schemes = {scheme::mlkem768, scheme::mlkem768_p256};
    predistribute(client, server, false);
    link l(client, server);
    ASSERT_TRUE(l.complete());
    EXPECT_EQ(l.client().octets_sent(), 2553U);
    EXPECT_EQ(l.server().octets_sent(), 1294U);
    EXPECT_EQ(l.client().octets_received(), l.server().octets_sent());
    EXPECT_EQ(l.server().octets_received(), l.client().octets_sent());
}

}  // namespace
}  // namespace berth::authkem::test

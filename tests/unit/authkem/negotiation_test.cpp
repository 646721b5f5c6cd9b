// What the two ends agree on, and what a configuration may say.
#include "unit/authkem/support.h"

#include <gtest/gtest.h>

namespace berth::authkem::test {
namespace {

using strings = std::vector<std::string>;

struct alpn_case {
    strings client;
    bool client_demands;
    strings server;
    bool server_demands;
    std::string selected;  // or the alert that is sent
    bool succeeds;
};

TEST(Alpn, IsNegotiatedAsProfile2Says) {
    const std::vector<alpn_case> cases{
        {{}, false, {}, false, "", true},
        {{"a"}, false, {}, false, "", true},
        {{}, false, {"a"}, false, "", true},
        {{"a", "b"}, false, {"b", "a"}, false, "b", true},
        {{"a"}, true, {"a"}, true, "a", true},
        {{"a"}, false, {"b"}, false, "no_application_protocol", false},
        {{"a"}, true, {}, false, "no_application_protocol", false},
        {{}, false, {"a"}, true, "no_application_protocol", false},
    };
    for (const alpn_case& c : cases) {
        client_config client = plain_client();
        server_config server = plain_server();
        client.alpn = c.client;
        client.alpn_required = c.client_demands;
        server.alpn = c.server;
        server.alpn_required = c.server_demands;
        link l(client, server);
        EXPECT_EQ(l.complete(), c.succeeds);
        if (c.succeeds) {
            EXPECT_EQ(l.client().session()->alpn(), c.selected);
            EXPECT_EQ(l.server().session()->alpn(), c.selected);
        } else {
            EXPECT_EQ(alert_of(l.client()) + alert_of(l.server()), c.selected);
        }
    }
}

TEST(ServerName, ReachesTheServerUnlessItIsAnAddress) {
    const std::vector<std::pair<std::string, std::string>> cases{{"server.example", "server.example"},
                                                                 {"", ""},
                                                                 {"192.0.2.1", ""},
                                                                 {"2001:db8::1", ""},
                                                                 {"xn--bcher-kva.example", "xn--bcher-kva.example"}};
    for (const auto& [given, seen] : cases) {
        client_config client = plain_client();
        client.server_name = given;
        link l(client, plain_server());
        ASSERT_TRUE(l.complete());
        EXPECT_EQ(l.server().session()->server_name(), seen);
    }
}

TEST(Suites, TheClientsOrderDecides) {
    client_config client = plain_client();
    server_config server = plain_server();
    client.suites = {cipher_suite::chacha20_poly1305_sha256, cipher_suite::aes_256_gcm_sha384};
    link l(client, server);
    ASSERT_TRUE(l.complete());
    EXPECT_EQ(l.server().session()->suite(), cipher_suite::chacha20_poly1305_sha256);
    server.suites = {cipher_suite::aes_256_gcm_sha384};
    link other(client, server);
    ASSERT_TRUE(other.complete());
    EXPECT_EQ(other.server().session()->suite(), cipher_suite::aes_256_gcm_sha384);
}

TEST(Schemes, TheClientsOrderDecides) {
    client_config client = plain_client();
    server_config server = plain_server(scheme::mlkem768);
    server.credentials.push_back(server_credential(scheme::mlkem1024_p384));
    client.schemes = {scheme::mlkem1024_p384, scheme::mlkem768};
    link l(client, server);
    ASSERT_TRUE(l.complete());
    EXPECT_EQ(l.server().session()->scheme(), scheme::mlkem1024_p384);
    client.schemes = {scheme::mlkem1024};
    link none(client, server);
    EXPECT_FALSE(none.complete());
    EXPECT_EQ(failure_of(none.server()), "no_common_scheme");
}

TEST(ClientCertificate, OfASchemeThatIsNotRequestedIsNotShown) {
    client_config client = plain_client();
    server_config server = plain_server();
    make_mutual(client, server, scheme::mlkem1024);
    server.schemes = {scheme::mlkem768};
    server.client_auth = client_auth::request;
    link l(client, server);
    ASSERT_TRUE(l.complete());
    EXPECT_EQ(l.server().session()->peer().state(), verification::none);
    server.client_auth = client_auth::require;
    link required(client, server);
    EXPECT_FALSE(required.complete());
    EXPECT_EQ(failure_of(required.server()), "certificate_required");
    EXPECT_EQ(alert_of(required.server()), "certificate_required");
}

TEST(ClientCertificate, IsNotAskedForAgainstTheClientsPolicy) {
    client_config client = plain_client();
    server_config server = plain_server();
    make_mutual(client, server);
    client.expect_certificate_request = false;
    link l(client, server);
    EXPECT_FALSE(l.complete());
    EXPECT_EQ(failure_of(l.client()), "certificate_request_unexpected");
    EXPECT_EQ(alert_of(l.client()), "unexpected_message");
}

struct pdk_case {
    client_auth wanted;
    bool early;
    bool accepted;
};

// Profile 6: when a server refuses.
TEST(Predistributed, IsAcceptedExactlyWhenProfile6Says) {
    for (const pdk_case& c : {pdk_case{client_auth::none, false, true}, pdk_case{client_auth::none, true, false},
                              pdk_case{client_auth::request, false, true}, pdk_case{client_auth::request, true, true},
                              pdk_case{client_auth::require, false, false}, pdk_case{client_auth::require, true, true}}) {
        client_config client = plain_client();
        server_config server = plain_server();
        make_mutual(client, server);
        server.client_auth = c.wanted;
        predistribute(client, server, c.early);
        link l(client, server);
        ASSERT_TRUE(l.complete()) << failure_of(l.client()) << "/" << failure_of(l.server());
        EXPECT_EQ(l.client().session()->flow(), c.accepted ? handshake_flow::pdk : handshake_flow::pdk_refused);
        EXPECT_EQ(l.server().session()->flow(), l.client().session()->flow());
    }
}

TEST(Predistributed, IsRefusedWhenTheFirstSuiteIsNotTheServers) {
    client_config client = plain_client();
    server_config server = plain_server();
    client.suites = {cipher_suite::chacha20_poly1305_sha256, cipher_suite::aes_128_gcm_sha256};
    server.suites = {cipher_suite::aes_128_gcm_sha256};
    make_mutual(client, server);
    predistribute(client, server, true);
    link l(client, server);
    ASSERT_TRUE(l.complete()) << failure_of(l.server());
    EXPECT_EQ(l.client().session()->flow(), handshake_flow::pdk_refused);
    EXPECT_EQ(l.client().session()->suite(), cipher_suite::aes_128_gcm_sha256);
}

TEST(Predistributed, RefusalIsFatalWhenTheClientSaysSo) {
    client_config client = plain_client();
    server_config server = plain_server();
    server_config another = plain_server(scheme::mlkem1024);
    predistribute(client, another, false);
    client.pdk->refusal_is_fatal = true;
    client.server.trust.reset();  // it will never judge a chain
    link l(client, server);
    EXPECT_FALSE(l.complete());
    EXPECT_EQ(failure_of(l.client()), "predistributed_key_refused");
    EXPECT_EQ(alert_of(l.client()), "handshake_failure");
    EXPECT_EQ(failure_of(l.server()), "peer_alert");
}

TEST(Predistributed, KeyWithoutACertificateServesItsHoldersOnly) {
    client_config client = plain_client();
    server_config server = plain_server();
    server.credentials.front().chain.clear();
    link stranger(client, server);
    EXPECT_FALSE(stranger.complete());
    EXPECT_EQ(failure_of(stranger.server()), "no_common_scheme");
    predistribute(client, server, false);
    link l(client, server);
    EXPECT_TRUE(l.complete());
}

// A certificate that was pre-distributed for one scheme needs no offer of that scheme.
TEST(Predistributed, TheKeysSchemeIsThatOfTheFingerprint) {
    client_config client = plain_client();
    server_config server = plain_server(scheme::mlkem1024_p384);
    client.schemes = {scheme::mlkem768};
    predistribute(client, server, false);
    link l(client, server);
    ASSERT_TRUE(l.complete());
    EXPECT_EQ(l.client().session()->scheme(), scheme::mlkem1024_p384);
}

template <class Change>
std::string client_mistake(Change change) {
    client_config c = plain_client();
    change(c);
    const auto made = client_context::make(std::move(c));
    return made ? "" : made.error().name;
}

template <class Change>
std::string server_mistake(Change change) {
    server_config c = plain_server();
    change(c);
    const auto made = server_context::make(std::move(c));
    return made ? "" : made.error().name;
}

TEST(Configuration, MistakesAreFoundWhenTheContextIsMade) {
    EXPECT_EQ(client_mistake([](client_config&) {}), "");
    EXPECT_EQ(client_mistake([](client_config& c) { c.suites.clear(); }), "no_cipher_suite");
    EXPECT_EQ(client_mistake([](client_config& c) { c.schemes.clear(); }), "no_scheme");
    EXPECT_EQ(client_mistake([](client_config& c) { c.server.trust.reset(); }), "no_trust_store");
    EXPECT_EQ(client_mistake([](client_config& c) { c.alpn_required = true; }), "alpn_not_named");
    EXPECT_EQ(client_mistake([](client_config& c) { c.alpn = {""}; }), "bad_alpn");
    EXPECT_EQ(client_mistake([](client_config& c) { c.alpn = {std::string(256, 'a')}; }), "bad_alpn");
    EXPECT_EQ(client_mistake([](client_config& c) { c.server_name = std::string(256, 'a'); }), "bad_server_name");
    EXPECT_EQ(client_mistake([](client_config& c) { c.server_name = std::string("a\0b", 3); }), "bad_server_name");
    EXPECT_EQ(client_mistake([](client_config& c) { c.records.max_content = 0; }), "bad_record_options");
    EXPECT_EQ(client_mistake([](client_config& c) { c.records.max_content = 16385; }), "bad_record_options");
    EXPECT_EQ(client_mistake([](client_config& c) { c.records.padding_block = 257; }), "bad_record_options");
    EXPECT_EQ(client_mistake([](client_config& c) { c.records.records_per_key = 1; }), "bad_record_options");
    EXPECT_EQ(client_mistake([](client_config& c) {
                  c.own = client_credential(scheme::mlkem768);
                  c.own->key = server_credential(scheme::mlkem768).key;
              }),
              "credential_key_mismatch");
    EXPECT_EQ(client_mistake([](client_config& c) { predistribute(c, plain_server(), true); }), "early_auth_without_certificate");
    EXPECT_EQ(server_mistake([](server_config& c) { c.credentials.clear(); }), "no_credential");
    EXPECT_EQ(server_mistake([](server_config& c) { c.credentials.front().key.reset(); }), "no_credential");
    EXPECT_EQ(server_mistake([](server_config& c) {
                  c.client.trust.reset();
                  c.client_auth = client_auth::request;
              }),
              "no_trust_store");
}

}  // namespace
}  // namespace berth::authkem::test

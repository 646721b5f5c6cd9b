// TLS as configured here, against itself, openssl and curl.
#include "unit/net/http_support.h"

#include "crypto/random.h"
#include "keystore/software.h"
#include "pki/profiles.h"

#include <cstdio>
#include <thread>

namespace berth::net::test {

namespace {

struct outcome {
    std::string client;  // the answer's status, or the error's name
    std::string server;  // the last failure's name
};

outcome converse(tls_server_config server, tls_client_config client) {
    guarded_loop on;
    outcome out;
    auto made = http_server::listen(on, {"127.0.0.1", 0}, tls_http{[context = tls_server(std::move(server))] { return context; }},
                                    test_router(on), test_clock());
    EXPECT_TRUE(made);
    timer end(on);
    (*made)->watch({}, [&](const std::string&, const error& why) { out.server = why.name; });
    http_client c(on, {"localhost", (*made)->port()}, tls_client(std::move(client)));
    c.send({.method = "GET", .target = "/who", .headers = {}, .body = {}, .path = {}, .query = {}, .params = {}, .peer = {}},
           [&](const result<http_response>& r) {
               out.client = r ? std::to_string(r->status) : r.error().name;
               end.arm(30, [&] { on.stop(); });
           });
    on.run();
    return out;
}

// A shell command's output; the command's exit status is appended.
std::string run(const std::string& command) {
    std::string out;
    FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
    if (!pipe) {
        return "popen failed";
    }
    std::array<char, 4096> block;
    while (const size_t got = std::fread(block.data(), 1, block.size(), pipe)) {
        out.append(block.data(), got);
    }
    return out + fmt::format("[exit {}]", ::pclose(pipe) >> 8);
}

// A TLS server on a thread of its own, with certificates that are good today, and its files for foreign clients.
class foreign {
public:
    explicit foreign(bool allow_tls12 = false)
        : key_(crypto::signing_key::generate(crypto::signature_algorithm::ecdsa_p256_sha256, crypto::system_random())),
          credential_(make()),
          files(credential_, key_) {
        tls_server_config config;
        config.credentials.push_back(credential_);
        config.allow_tls12 = allow_tls12;
        auto context = tls_context::make(config, system_clock());
        EXPECT_TRUE(context);
        auto made =
            http_server::listen(on_, {"127.0.0.1", 0}, tls_http{[c = *context] { return c; }}, test_router(on_), system_clock());
        EXPECT_TRUE(made);
        server_ = std::move(*made);
        port = server_->port();
        thread_ = std::thread([this] { on_.run(); });
    }
    ~foreign() {
        on_.post([this] {
            server_.reset();
            on_.stop();
        });
        thread_.join();
    }

private:
    // curl on the older systems knows neither ML-DSA nor our clock: a self-signed ECDSA certificate, valid now.
    tls_credential make() {
        auto contents = pki::server_template("Test", {"localhost"}, {system_clock().now() - day, system_clock().now() + day});
        auto certificate = pki::issue_self_signed(contents, key_, crypto::system_random());
        EXPECT_TRUE(certificate) << certificate.error().message;
        return {{*certificate}, keystore::software_signing_key(key_)};
    }
    guarded_loop on_;
    crypto::signing_key key_;
    tls_credential credential_;
    std::unique_ptr<http_server> server_;
    std::thread thread_;

public:
    pem_files files;
    uint16_t port = 0;
};

}  // namespace

TEST(tls, certificates_are_judged_on_both_sides) {
    EXPECT_EQ(converse(plain_tls_server(), plain_tls_client()).client, "200");

    auto other_roots = plain_tls_client();
    other_roots.server.trust = other_root().trust();
    const outcome unknown = converse(plain_tls_server(), other_roots);
    EXPECT_EQ(unknown.client, "unknown_issuer");
    EXPECT_EQ(unknown.server, "tls_failed");

    auto other_name = plain_tls_client();
    other_name.server.policy = authkem::server_named("elsewhere.example");
    EXPECT_EQ(converse(plain_tls_server(), other_name).client, "wrong_server_name");

    auto required = plain_tls_server();
    required.clients = tls_server_config::client_certificate::require;
    const outcome bare = converse(required, plain_tls_client());
    EXPECT_EQ(bare.client, "tls_failed");
    EXPECT_EQ(bare.server, "tls_failed");

    auto judged = required;
    judged.client.trust = other_root().trust();
    auto with_certificate = plain_tls_client();
    with_certificate.own = tls_leaf("client.example");
    EXPECT_EQ(converse(judged, with_certificate).server, "unknown_issuer");
    EXPECT_EQ(converse(required, with_certificate).client, "200");

    auto refused = required;
    refused.client.policy = [](const pki::verified_chain&) -> result<void> {
        return fail(error_category::peer, "not_today", "come back later");
    };
    EXPECT_EQ(converse(refused, with_certificate).server, "not_today");

    auto provisional = plain_tls_client();
    provisional.server = {};
    provisional.server.possession_only = true;
    EXPECT_EQ(converse(plain_tls_server(), provisional).client, "200");
}

TEST(tls, post_quantum_signatures_and_groups) {
    auto server = plain_tls_server();
    server.credentials = {tls_leaf("server.example", crypto::signature_algorithm::mldsa65)};
    server.post_quantum_only = true;
    auto client = plain_tls_client();
    client.post_quantum_only = true;
    EXPECT_EQ(converse(server, client).client, "200");
    auto both = plain_tls_server();
    both.credentials.push_back(tls_leaf("server.example", crypto::signature_algorithm::mldsa65));
    EXPECT_EQ(converse(both, client).client, "200");
}

TEST(tls, configuration_mistakes_are_named) {
    const auto name = [](auto config) {
        const auto made = tls_context::make(std::move(config), test_clock());
        return made ? std::string("accepted") : made.error().name;
    };
    EXPECT_EQ(name(tls_server_config{}), "no_credential");
    auto mismatched = plain_tls_server();
    mismatched.credentials[0].key = tls_leaf("other.example").key;
    EXPECT_EQ(name(mismatched), "credential_key_mismatch");
    auto rootless = plain_tls_server();
    rootless.clients = tls_server_config::client_certificate::require;
    rootless.client.trust.reset();
    EXPECT_EQ(name(rootless), "no_trust_store");
    EXPECT_EQ(name(tls_client_config{}), "no_trust_store");
    auto alpn = plain_tls_server();
    alpn.alpn = {""};
    EXPECT_EQ(name(alpn), "bad_alpn");
}

TEST(tls, context_changes_under_a_running_server) {
    guarded_loop on;
    size_t asked = 0;
    const auto first = tls_server(plain_tls_server());
    auto other = plain_tls_server();
    other.credentials = {tls_leaf("renewed.example")};
    const auto second = tls_server(other);
    auto made = http_server::listen(on, {"127.0.0.1", 0}, tls_http{[&] { return asked++ == 0 ? first : second; }},
                                    test_router(on), test_clock());
    ASSERT_TRUE(made);
    std::vector<std::string> seen;
    const auto context = tls_client(plain_tls_client());
    http_client a(on, {"127.0.0.1", (*made)->port()}, context);
    http_client b(on, {"127.0.0.1", (*made)->port()}, context);
    const auto note = [&](const result<std::shared_ptr<const peer_info>>& peer) {
        ASSERT_TRUE(peer);
        seen.push_back((*peer)->chain.front().dns_names().front());
    };
    a.connect([&](const auto& peer) {
        note(peer);
        b.connect([&](const auto& later) {
            note(later);
            on.stop();
        });
    });
    on.run();
    EXPECT_THAT(seen, testing::ElementsAre("server.example", "renewed.example"));
}

TEST(tls, curl_speaks_to_the_plain_and_the_tls_listener) {
    if (run("command -v curl").find("[exit 0]") == std::string::npos) {
        GTEST_SKIP() << "curl is not installed";
    }
    foreign s;
    const std::string base = fmt::format("https://localhost:{}", s.port);
    const std::string curl =
        fmt::format("curl -s --max-time 20 --resolve localhost:{}:127.0.0.1 --cacert {}/cert.pem ", s.port, s.files.directory);
    EXPECT_EQ(run(curl + base + "/hello"), "hello[exit 0]");
    EXPECT_EQ(run(curl + "-d data " + base + "/echo"), "data[exit 0]");
    // Two requests over one connection, a body that waits for 100 Continue, and one that is too large.
    EXPECT_EQ(run(curl + base + "/hello " + base + "/things/7 -w '<%{num_connects}>'"), "hello<1>7<0>[exit 0]");
    EXPECT_EQ(run("head -c 900000 /dev/zero | " + curl +
                  "-H 'Expect: 100-continue' --data-binary @- -o /dev/null -w '%{http_code} %{size_download}' " + base + "/echo"),
              "200 900000[exit 0]");
    EXPECT_THAT(run("head -c 2000000 /dev/zero | " + curl + "--data-binary @- -o /dev/null -w '%{http_code}' " + base + "/echo"),
                testing::StartsWith("413"));
    EXPECT_THAT(run(curl + "-o /dev/null -w '%{http_code}' -X DELETE " + base + "/hello"), testing::StartsWith("405"));
    EXPECT_EQ(run(curl + "-I -o /dev/null -w '%{http_code}' " + base + "/hello"), "200[exit 0]");
    // Not trusted without --cacert.
    EXPECT_THAT(run(fmt::format("curl -s --max-time 20 https://localhost:{}/hello", s.port)), testing::HasSubstr("[exit 60]"));
    // TLS 1.2 needs a decision.
    EXPECT_THAT(run(curl + "--tls-max 1.2 " + base + "/hello"), testing::HasSubstr("[exit 35]"));
}

TEST(tls, older_tls_is_spoken_if_that_was_decided) {
    if (run("command -v curl").find("[exit 0]") == std::string::npos) {
        GTEST_SKIP() << "curl is not installed";
    }
    foreign s(true);
    const std::string curl =
        fmt::format("curl -s --max-time 20 --resolve localhost:{}:127.0.0.1 --cacert {}/cert.pem ", s.port, s.files.directory);
    EXPECT_EQ(run(curl + fmt::format("--tls-max 1.2 https://localhost:{}/hello", s.port)), "hello[exit 0]");
    EXPECT_THAT(run(curl + fmt::format("--tls-max 1.1 https://localhost:{}/hello", s.port)), testing::HasSubstr("[exit 35]"));
}

TEST(tls, openssl_agrees_on_the_hybrid_group) {
    foreign s;
    const std::string said = run(fmt::format(
        "printf 'GET /hello HTTP/1.1\\r\\nHost: h\\r\\nConnection: close\\r\\n\\r\\n' | {} s_client -connect 127.0.0.1:{} "
        "-CAfile {}/cert.pem -verify_return_error -ign_eof",
        BERTH_OPENSSL_COMMAND, s.port, s.files.directory));
    EXPECT_THAT(said, testing::HasSubstr("Negotiated TLS1.3 group: X25519MLKEM768")) << said.substr(0, 2000);
    EXPECT_THAT(said, testing::HasSubstr("hello"));
}

}  // namespace berth::net::test

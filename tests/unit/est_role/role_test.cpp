// The whole role in one process: connections on threads of their own, everything else on this one.
#include "est_server/est_role.h"

#include "common/files.h"
#include "crypto/random.h"
#include "est/client.h"
#include "est_client/est_http.h"
#include "keystore/operations.h"
#include "keystore/software.h"
#include "net/http_client.h"
#include "pki/csr.h"
#include "pki/private_key_file.h"
#include "setup/ca_hierarchy.h"
#include "setup/keys.h"
#include "support/onboarding_parties.h"
#include "support/softhsm.h"
#include "support/test_pki.h"

#include <atomic>
#include <thread>

namespace berth::app {
namespace {

using namespace berth::test;

constexpr const char* profiles = R"(
[[profile]]
name = "today"
authority = "ca"
requires = ["operational"]
subject = "O=Birch,serialNumber={serial}"
keys = ["p256"]
lifetime = "8h"
extended_key_usages = ["clientAuth"]
)";

constexpr size_t clients = 4;
constexpr size_t each_asks = 12;

class EstRole : public testing::Test {
protected:
    EstRole() {
        const auto path = directory_.path() / "ca";
        hierarchy_order order;
        order.which = {hierarchy::customer};
        order.organization = "Birch";
        order.algorithm = crypto::signature_algorithm::ecdsa_p256_sha256;
        EXPECT_TRUE(make_hierarchies(path, order, system_clock(), random_));
        EXPECT_TRUE(write_text(path / "ca.toml", profiles));
        issuer_ = value_of(read_chain(path / "ca.pem"));
        ca_key_ = value_of(open_key_of(path.string(), "ca"));
        const auto server_key = make_key();
        own_key_ = make_key();
        for (const char* const host : {"localhost", "renewed"}) {
            write_server(host, server_key.public_key());
        }
        EXPECT_TRUE(pki::save_private_key((directory_.path() / "server.key").string(), server_key));
        own_ = {issue(pki::idevid_signature_template("Birch", "SN-000001", std::nullopt, today_), own_key_.public_key()),
                issuer_.front()};
        config_.listen = {"127.0.0.1", 0};
        config_.identity = {directory_.path() / "localhost.pem", "file:server.key", {}, directory_.path()};
        config_.directory = path;
        auto& trust = config_.trust.emplace_back();
        trust.proof = "operational";
        trust.anchors = {path / "ca.pem"};
        auto& label = config_.labels.emplace_back();
        label.profile = "today";
        label.binding_required = true;
    }
    pki::certificate issue(const pki::certificate_template& what, const crypto::verification_key& key) {
        return value_of(pki::issue(what, key.spki(), issuer_.front(), ca_key_->as_signing_key(), random_));
    }
    void write_server(const std::string& host, const crypto::verification_key& key) {
        const auto leaf = issue(pki::server_template("Birch", {"localhost", host}, today_), key);
        EXPECT_TRUE(write_text(directory_.path() / (host + ".pem"), leaf.to_pem() + issuer_.front().to_pem()));
    }
    crypto::signing_key make_key() {
        return crypto::signing_key::generate(crypto::signature_algorithm::ecdsa_p256_sha256, random_);
    }
    std::unique_ptr<est_role> start(std::optional<size_t> threads) {
        config_.threads = threads;
        return value_of(est_role::start(loop_, config_, system_clock(), random_, metrics_));
    }
    // Enrols on connections of its own, a request bound to its connection each; which names the server has shown.
    void enrol(uint16_t port, std::set<std::string>& servers, std::atomic<size_t>& issued) {
        net::tls_client_config over;
        over.server.trust = value_of(pki::trust_store::build({{issuer_.front()}, {}, {}}));
        over.own = net::tls_credential{own_, keystore::software_signing_key(own_key_)};
        const auto context = value_of(net::tls_context::make(std::move(over), system_clock()));
        const auto client = value_of(est::client::make({}));
        for (size_t i = 0; i < each_asks; ++i) {
            const auto key = make_key();
            net::loop own;
            net::http_client to(own, {"127.0.0.1", port}, context);
            result<net::http_response> answer = fail(error_category::internal, "nothing", "nothing was answered");
            to.connect([&](const result<std::shared_ptr<const net::peer_info>>& peer) {
                if (!peer) {
                    answer = fail(peer.error());
                    return own.stop();
                }
                servers.insert((*peer)->chain.front().dns_names().back());
                pki::csr_template wanted;
                wanted.challenge_password = value_of(est::challenge_password_for(est_channel(**peer)));
                to.send(net_request(client.simpleenroll(value_of(pki::build_csr(wanted, key)))), [&](auto got) {
                    answer = std::move(got);
                    own.stop();
                });
            });
            own.run();
            ASSERT_TRUE(answer) << answer.error().message;
            const auto given =
                client.read_enrolment(est_response(std::move(*answer)), key.public_key().spki(), system_clock().now());
            ASSERT_TRUE(given) << given.error().message;
            issued += std::holds_alternative<pki::certificate>(*given) ? 1 : 0;
        }
    }
    size_t enrol_by_all(const est_role& role, std::set<std::string>& servers) {
        std::atomic<size_t> issued = 0;
        std::atomic<size_t> left = clients;
        std::vector<std::set<std::string>> seen(clients);
        std::vector<std::thread> all;
        for (size_t i = 0; i < clients; ++i) {
            all.emplace_back([&, i] {
                enrol(role.port(), seen[i], issued);
                if (--left == 0) {
                    loop_.post([this] { loop_.stop(); });
                }
            });
        }
        loop_.run();
        loop_.restart();
        for (auto& each : all) {
            each.join();
        }
        for (auto& each : seen) {
            servers.merge(each);
        }
        return issued;
    }

    temporary_directory directory_;
    random_source& random_ = crypto::system_random();
    const pki::validity today_{system_clock().now() - 3'600, system_clock().now() + day};
    std::vector<pki::certificate> issuer_, own_;
    keystore::signing_key_ptr ca_key_;
    crypto::signing_key own_key_ = make_key();
    est_config config_;
    net::loop loop_;
    ops::metric_registry metrics_;
};

TEST_F(EstRole, enrols_over_threads_and_is_reloaded_meanwhile) {
    const auto role = start(2);
    EXPECT_EQ(role->threads(), 2U);
    net::timer reload(loop_);
    size_t reloads = 0;
    std::function<void()> again = [&] {
        config_.identity.chain = directory_.path() / (++reloads % 2 == 1 ? "renewed.pem" : "localhost.pem");
        auto ready = role->prepare(config_);
        ASSERT_TRUE(ready) << ready.error().message;
        role->apply(std::move(*ready));
        reload.arm(5, again);
    };
    again();
    std::set<std::string> servers;
    EXPECT_EQ(enrol_by_all(*role, servers), clients * each_asks);
    EXPECT_GT(reloads, 1U);
    EXPECT_TRUE(servers.contains("renewed"));
    EXPECT_EQ(metrics_.counters("berth_est_requests_total", "", {}).with({"simpleenroll", "ok"}).value(),
              static_cast<double>(clients * each_asks));
}

TEST_F(EstRole, without_threads_everything_is_on_the_loop) {
    const auto role = start(0);
    EXPECT_EQ(role->threads(), 0U);
    std::set<std::string> servers;
    EXPECT_EQ(enrol_by_all(*role, servers), clients * each_asks);
}

TEST_F(EstRole, threads_are_for_starts) {
    const auto role = start(std::nullopt);
    EXPECT_GE(role->threads(), 1U);
    EXPECT_LE(role->threads(), 4U);
    config_.threads = 3;
    EXPECT_EQ(name_of_error(role->prepare(config_)), "restart_needed");
    config_.threads.reset();
    EXPECT_EQ(name_of_error(role->prepare(config_)), "accepted");
}

// docs/decisions/0008.
TEST_F(EstRole, a_key_in_a_token_is_used_on_the_loop_alone) {
    BERTH_NEEDS_SOFTHSM();
    const softhsm hsm;
    hsm.add_token("est");
    const std::string uri = hsm.uri("est", "object=tls");
    const auto key = value_of(keystore::make_signing_key(uri, crypto::signature_algorithm::ecdsa_p256_sha256));
    write_server("token", key->public_key());
    const auto in_file = config_.identity;
    const key_and_chain in_token{directory_.path() / "token.pem", uri, {}, directory_.path()};
    {
        const auto threaded = start(2);
        config_.identity = in_token;
        EXPECT_EQ(name_of_error(threaded->prepare(config_)), "restart_needed");
        EXPECT_EQ(threaded->threads(), 2U);
    }
    const auto role = start(2);
    EXPECT_EQ(role->threads(), 0U);
    std::set<std::string> servers;
    EXPECT_EQ(enrol_by_all(*role, servers), clients * each_asks);
    EXPECT_THAT(servers, testing::ElementsAre("token"));
    // The other way round nothing is lost but the threads, until a restart.
    config_.identity = in_file;
    auto ready = role->prepare(config_);
    ASSERT_TRUE(ready) << ready.error().message;
    role->apply(std::move(*ready));
    EXPECT_EQ(role->threads(), 0U);
    EXPECT_EQ(enrol_by_all(*role, servers), clients * each_asks);
    EXPECT_TRUE(servers.contains("localhost"));
}

TEST_F(EstRole, a_port_that_is_taken_is_told) {
    const auto role = start(2);
    config_.listen.port = role->port();
    EXPECT_EQ(name_of_error(est_role::start(loop_, config_, system_clock(), random_, metrics_)), "listen_failed");
}

}  // namespace
}  // namespace berth::app

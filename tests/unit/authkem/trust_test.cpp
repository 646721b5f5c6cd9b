// Chains, policies, provisional acceptance, and the cache of verified leaves.
#include "unit/authkem/support.h"

#include <gtest/gtest.h>

namespace berth::authkem::test {
namespace {

struct refusal {
    std::string error;
    std::string alert;
    bool operator==(const refusal&) const = default;
};
void PrintTo(const refusal& r, std::ostream* out) {
    *out << r.error << " " << r.alert;
}

refusal server_refused(const credential& shown, client_config client = plain_client()) {
    server_config server = plain_server();
    server.credentials = {shown};
    link l(client, server);
    EXPECT_FALSE(l.complete());
    EXPECT_EQ(failure_of(l.server()), "peer_alert");
    return {failure_of(l.client()), alert_of(l.client())};
}

refusal client_refused(const credential& shown, bool early) {
    client_config client = plain_client();
    server_config server = plain_server();
    make_mutual(client, server);
    client.own = shown;
    if (early) {
        predistribute(client, server, true);
    }
    link l(client, server);
    EXPECT_FALSE(l.complete());
    EXPECT_FALSE(l.client().completed());
    EXPECT_EQ(failure_of(l.client()), "peer_alert");
    return {failure_of(l.server()), alert_of(l.server())};
}

TEST(Chains, AreRefusedWithTheFittingAlertOnEitherSide) {
    const auto expired = root().issue(scheme::mlkem768, {.not_before = now - 2 * day, .not_after = now - day});
    const auto future = root().issue(scheme::mlkem768, {.not_before = now + day, .not_after = now + 2 * day});
    const auto unknown = other_root().issue(scheme::mlkem768);
    const auto signing = root().issue(scheme::mlkem768, {.key_usage = pki::digital_signature});
    const std::vector<std::pair<credential, refusal>> cases{
        {expired, {"certificate_expired", "certificate_expired"}},
        {future, {"certificate_not_yet_valid", "certificate_expired"}},
        {unknown, {"unknown_issuer", "unknown_ca"}},
        {signing, {"bad_key_usage", "bad_certificate"}},
    };
    for (const auto& [shown, expected] : cases) {
        EXPECT_EQ(server_refused(shown), expected);
        EXPECT_EQ(client_refused(shown, false), expected);
        EXPECT_EQ(client_refused(shown, true), expected);
    }
}

TEST(Chains, WithoutKeyUsageAreFine) {
    server_config server = plain_server();
    server.credentials = {root().issue(scheme::mlkem768, {.key_usage = std::nullopt})};
    link l(plain_client(), server);
    EXPECT_TRUE(l.complete());
}

TEST(Chains, OfRevokedLeavesAreRefused) {
    const credential shown = root().issue(scheme::mlkem768);
    pki::crl_template list{.number = 1, .this_update = now - day, .next_update = now + day, .revoked = {}};
    list.revoked.push_back({shown.chain.front().serial(), now - day, pki::revocation_reason::key_compromise});
    pki::trust_store::contents contents;
    contents.anchors = {root().certificate()};
    contents.crls = {pki::issue_crl(list, root().certificate(), root().key()).value()};
    client_config client = plain_client();
    client.server.trust = pki::trust_store::build(std::move(contents)).value();
    EXPECT_EQ(server_refused(shown, client), (refusal{"certificate_revoked", "certificate_revoked"}));
    server_config other = plain_server();
    link l(client, other);
    EXPECT_TRUE(l.complete()) << failure_of(l.client());
}

TEST(Policy, RunsAfterTheChainAndItsRefusalIsAnAlert) {
    client_config client = plain_client();
    client.server.policy = server_named("server.example");
    link l(client, plain_server());
    EXPECT_TRUE(l.complete());

    client.server.policy = server_named("other.example");
    EXPECT_EQ(server_refused(server_credential(scheme::mlkem768), client), (refusal{"wrong_server_name", "bad_certificate"}));
    client.server.policy = server_named("client-only.example");
    EXPECT_EQ(server_refused(root().issue(scheme::mlkem768,
                                          {.name = "client-only.example", .purposes = {std::string(pki::oid_client_auth)}}),
                             client),
              (refusal{"wrong_key_purpose", "bad_certificate"}));
    client.server.policy = [](const pki::verified_chain&) -> result<void> {
        return refuse(alert::access_denied, "not_today", "come back tomorrow");
    };
    EXPECT_EQ(server_refused(server_credential(scheme::mlkem768), client), (refusal{"not_today", "access_denied"}));
    // It is not asked about a chain that does not verify.
    EXPECT_EQ(server_refused(other_root().issue(scheme::mlkem768), client), (refusal{"unknown_issuer", "unknown_ca"}));
}

TEST(Policy, JudgesEarlyCertificatesToo) {
    client_config client = plain_client();
    server_config server = plain_server();
    make_mutual(client, server);
    predistribute(client, server, true);
    server.client.policy = for_purpose(pki::oid_cmc_ra);
    link l(client, server);
    std::vector<size_t> sizes;
    l.on_wire = [&](role from, bytes& octets) {
        if (from == role::server) {
            for (const auto& record : records_in(octets)) {
                sizes.push_back(record.second.size());
            }
        }
    };
    EXPECT_FALSE(l.complete());
    EXPECT_EQ(failure_of(l.server()), "wrong_key_purpose");
    // ServerHello, EncryptedExtensions, then the alert under s hs: two octets, a type and a tag.
    ASSERT_EQ(sizes.size(), 3U);
    EXPECT_EQ(sizes[2], 2 + 1 + 16U);
}

TEST(Provisional, AcceptanceStillProvesPossession) {
    client_config client = plain_client();
    client.server.trust.reset();
    client.server.possession_only = true;
    bool asked = false;
    client.server.policy = [&](const pki::verified_chain&) -> result<void> {
        asked = true;
        return {};
    };
    server_config server = plain_server();
    server.credentials = {other_root().issue(scheme::mlkem768_p256)};
    link l(client, server);
    ASSERT_TRUE(l.complete()) << failure_of(l.client());
    EXPECT_FALSE(asked);
    session& s = *l.client().session();
    EXPECT_EQ(s.peer().state(), verification::possession_only);
    EXPECT_EQ(s.peer().verified(), nullptr);
    EXPECT_EQ(s.peer().chain().size(), 1U);

    // Later the manufacturer vouches: the roots are there.
    chain_rules wrong;
    wrong.trust = root().trust();
    EXPECT_EQ(s.verify_peer(wrong, l.time()).error().name, "unknown_issuer");
    EXPECT_EQ(s.peer().state(), verification::possession_only);
    chain_rules right;
    right.trust = other_root().trust();
    right.policy = server_named("nobody.example");
    EXPECT_EQ(s.verify_peer(right, l.time()).error().name, "wrong_server_name");
    EXPECT_EQ(s.peer().state(), verification::possession_only);
    right.policy = server_named("leaf.example");
    ASSERT_TRUE(s.verify_peer(right, l.time()));
    EXPECT_EQ(s.peer().state(), verification::verified);
    EXPECT_EQ(s.peer().chain().front(), server.credentials.front().chain.front());
    EXPECT_EQ(s.verify_peer(right, l.time()).error().name, "nothing_to_verify");
}

TEST(Peer, ItsCertificatesCanBeForgottenButNotWhoItIs) {
    client_config client = plain_client();
    server_config server = plain_server();
    make_mutual(client, server);
    link l(client, server);
    ASSERT_TRUE(l.complete());
    session& s = *l.server().session();
    EXPECT_EQ(s.peer().key_sha256(), client.own->key->public_key().spki_sha256());
    ASSERT_NE(s.peer().verified(), nullptr);
    s.forget_peer_chain();
    EXPECT_TRUE(s.peer().chain().empty());
    EXPECT_EQ(s.peer().verified(), nullptr);
    EXPECT_EQ(s.peer().state(), verification::verified);
    EXPECT_EQ(s.peer().key_sha256(), client.own->key->public_key().spki_sha256());
    EXPECT_EQ(s.verify_peer({}, l.time()).error().name, "nothing_to_verify");
}

TEST(Provisional, AcceptanceStillJudgesTheLeaf) {
    client_config client = plain_client();
    client.server.possession_only = true;
    EXPECT_EQ(server_refused(root().issue(scheme::mlkem768, {.key_usage = pki::digital_signature}), client),
              (refusal{"bad_key_usage", "bad_certificate"}));
}

// Whoever shows a certificate without its key does not get to completion.
TEST(Provisional, AThiefOfACertificateIsFoundOut) {
    client_config client = plain_client();
    client.server.possession_only = true;
    server_config server = plain_server();
    link l(client, server);
    ASSERT_TRUE(l.carry(role::client));
    ASSERT_TRUE(l.carry(role::server));
    EXPECT_FALSE(l.client().completed());
    // The thief cannot decapsulate; the best it has is a guess of the keys.
    EXPECT_FALSE(l.client().receive(record_of(23, bytes(69, 0))));
    EXPECT_EQ(failure_of(l.client()), "record_not_authentic");
}

// ---- the cache

struct cached {
    std::shared_ptr<verified_leaf_cache> cache = std::make_shared<verified_leaf_cache>(3);
    client_config client = plain_client();
    server_config server = plain_server();
    cached() { client.server.cache = cache; }
    bool connect() {
        link l(client, server);
        const bool done = l.complete();
        if (done) {
            EXPECT_EQ(l.client().session()->peer().state(), verification::verified);
        }
        return done;
    }
};

TEST(Cache, SparesTheSecondVerification) {
    cached c;
    ASSERT_TRUE(c.connect());
    EXPECT_EQ(c.cache->hits(), 0U);
    EXPECT_EQ(c.cache->size(), 1U);
    ASSERT_TRUE(c.connect());
    EXPECT_EQ(c.cache->hits(), 1U);
}

TEST(Cache, IsBoundToTrustAnchorsAndOptions) {
    cached c;
    ASSERT_TRUE(c.connect());
    c.client.server.trust = other_root().trust();
    EXPECT_FALSE(c.connect());
    c.client.server.trust = root().trust();
    c.client.server.revocation = pki::crl_policy::always;
    EXPECT_FALSE(c.connect());
    EXPECT_EQ(c.cache->hits(), 0U);
}

TEST(Cache, PolicyRunsOnEveryHit) {
    cached c;
    ASSERT_TRUE(c.connect());
    c.client.server.policy = server_named("elsewhere.example");
    EXPECT_FALSE(c.connect());
    EXPECT_EQ(c.cache->hits(), 1U);
}

TEST(Cache, SchemesAreJudgedOnEveryHit) {
    cached c;
    ASSERT_TRUE(c.connect());
    manual_clock clock(now);
    der_chain chain{to_bytes(c.server.credentials.front().chain.front().der())};
    chain_rules rules = client_context::make(c.client).value()->config().server;
    EXPECT_TRUE(judge_peer(chain, rules, {scheme::mlkem768}, clock));
    EXPECT_EQ(judge_peer(chain, rules, {scheme::mlkem1024}, clock).error().name, "unsupported_certificate");
    EXPECT_EQ(c.cache->hits(), 2U);
}

TEST(Cache, EntriesEndWithTheirCertificates) {
    cached c;
    ASSERT_TRUE(c.connect());
    c.server.credentials = {root().issue(scheme::mlkem768, {.not_after = now + 10})};
    ASSERT_TRUE(c.connect());
    const auto context = client_context::make(c.client).value();
    der_chain chain{to_bytes(c.server.credentials.front().chain.front().der())};
    manual_clock clock(now + 10);
    EXPECT_TRUE(judge_peer(chain, context->config().server, context->config().schemes, clock));
    EXPECT_EQ(c.cache->hits(), 1U);
    clock.set(now + 11);
    EXPECT_EQ(judge_peer(chain, context->config().server, context->config().schemes, clock).error().name, "certificate_expired");
    EXPECT_EQ(c.cache->size(), 1U);
}

TEST(Cache, IsEmptiedByRevocationNews) {
    cached c;
    ASSERT_TRUE(c.connect());
    c.cache->revocation_news();
    EXPECT_EQ(c.cache->size(), 0U);
    ASSERT_TRUE(c.connect());
    EXPECT_EQ(c.cache->hits(), 0U);
    EXPECT_EQ(c.cache->size(), 1U);
}

verified_leaf_cache::entry proof_for(const credential& shown) {
    return std::make_shared<const pki::verified_chain>(
        pki::verify_chain(root().trust(), shown.chain, {.time = pki::validity_instants::at(now)}).value());
}

TEST(Cache, AVerificationThatBeganBeforeTheNewsIsNotKept) {
    verified_leaf_cache cache(3);
    const uint64_t before = cache.generation();
    cache.revocation_news();
    cache.insert({1}, before, proof_for(server_credential(scheme::mlkem768)), 0, now + 1);
    EXPECT_EQ(cache.size(), 0U);
}

TEST(Cache, IsBounded) {
    verified_leaf_cache cache(2);
    const auto proof = proof_for(server_credential(scheme::mlkem768));
    cache.insert({1}, 0, proof, 0, now + 1);
    cache.insert({2}, 0, proof, 0, now + 1);
    EXPECT_NE(cache.find({1}, now), nullptr);
    cache.insert({3}, 0, proof, 0, now + 1);
    EXPECT_EQ(cache.size(), 2U);
    EXPECT_NE(cache.find({1}, now), nullptr);
    EXPECT_EQ(cache.find({2}, now), nullptr);
    cache.insert({3}, 0, proof, 0, now + 1);
    EXPECT_EQ(cache.size(), 2U);
    verified_leaf_cache none(0);
    none.insert({1}, 0, proof, 0, now + 1);
    EXPECT_EQ(none.size(), 0U);
}

TEST(Cache, ProvisionalChainsAreNotKept) {
    cached c;
    c.client.server.possession_only = true;
    link l(c.client, c.server);
    ASSERT_TRUE(l.complete());
    EXPECT_EQ(c.cache->size(), 0U);
}

}  // namespace
}  // namespace berth::authkem::test

// Who may log in: chains, names, registry entries, and one reason for each refusal.
#include "hub/login/login.h"
#include "pki/epoch.h"
#include "pki/issued_extras.h"
#include "store/sqlite/hub_store.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

#include <set>

namespace berth::test {
namespace {

using namespace hub;
using namespace registry;
using crypto::signature_algorithm;

class Login : public testing::Test {
protected:
    Login() : store(got(store::sqlite_hub_store::open((directory.path() / "hub.db").string()))) {}

    identity add(const std::string& name, identity_settings settings = {}) {
        auto out = make_identity(got(parse_identity_name(name)), std::move(settings), random, test_now);
        EXPECT_EQ(name_of_error(store->add(out)), "accepted");
        return out;
    }
    static registered_ca verified(const pki::certificate& c, unix_seconds retires = 0) {
        return {c.subject(), c, ca_state::verified, "", 0, test_now, test_now, retires, 1};
    }
    void trust_in(const std::vector<registered_ca>& cas, const std::vector<pki::crl>& lists = {}, unix_seconds now = test_now) {
        trust = got(login_trust::build(cas, lists, now));
    }
    static pki::certificate leaf(const authority& by, const std::string& name, pki::validity v = usual,
                                 signature_algorithm alg = signature_algorithm::ecdsa_p256_sha256) {
        return issue(by, pki::client_template("Test", name, v), signature_key("of " + name, alg).public_key().spki());
    }
    [[nodiscard]] judged_chain judged(const std::vector<pki::certificate>& chain, unix_seconds now = test_now,
                                      name_rule names = {}) const {
        return judge_chain(*trust, chain, names, now);
    }
    // "in", or the reason.
    std::string login(const std::vector<pki::certificate>& chain, const std::string& name, unix_seconds now = test_now,
                      name_rule names = {}) {
        const auto answer = judge_login(*store, judged(chain, now, names), name, now);
        return answer.in ? "in" : std::string(to_string(answer.refusal));
    }

    temporary_directory directory;
    named_random random{"login"};
    std::unique_ptr<store::sqlite_hub_store> store;
    authority root = make_root("Fleet", signature_algorithm::ecdsa_p256_sha256);
    authority line = make_issuing_ca(root, "Line 1", signature_algorithm::ecdsa_p384_sha384);
    std::optional<login_trust> trust = got(login_trust::build({}, {}, test_now));
};

TEST_F(Login, ByAChainUpToARegisteredRoot) {
    trust_in({verified(root.certificate)});
    add("dev1");
    add("dev1/mod1");
    EXPECT_EQ(login({leaf(line, "dev1"), line.certificate}, "dev1"), "in");
    EXPECT_EQ(login({leaf(line, "dev1/mod1"), line.certificate}, "dev1/mod1"), "in");
    EXPECT_EQ(login({leaf(root, "dev1")}, "dev1"), "in");
    const auto answer = judge_login(*store, judged({leaf(line, "dev1"), line.certificate}), "dev1", test_now);
    ASSERT_TRUE(answer.in);
    EXPECT_EQ(answer.in->ca, root.certificate.sha256());
    EXPECT_EQ(answer.in->until, usual.not_after);
    EXPECT_EQ(login({leaf(line, "dev1"), line.certificate, root.certificate}, "dev1"), "in") << "the root was sent along";
    EXPECT_EQ(login({leaf(line, "dev1")}, "dev1"), "unknown_ca") << "the intermediate was not sent";
}

TEST_F(Login, ByAnIntermediateThatIsRegisteredAlone) {
    trust_in({verified(line.certificate)});
    add("dev1");
    EXPECT_EQ(login({leaf(line, "dev1")}, "dev1"), "in");
    EXPECT_EQ(login({leaf(line, "dev1"), line.certificate}, "dev1"), "in");
    EXPECT_EQ(login({leaf(root, "dev1")}, "dev1"), "unknown_ca") << "who is above it is not registered";
    const auto other = make_issuing_ca(root, "Line 2");
    EXPECT_EQ(login({leaf(other, "dev1"), other.certificate, root.certificate}, "dev1"), "unknown_ca");
}

TEST_F(Login, PostQuantumDevices) {
    const auto pq = make_root("PQ", signature_algorithm::mldsa65);
    trust_in({verified(pq.certificate)});
    add("dev1");
    EXPECT_EQ(login({leaf(pq, "dev1", usual, signature_algorithm::mldsa44)}, "dev1"), "in");
}

TEST_F(Login, OnlyCasThatCount) {
    add("dev1");
    const std::vector<pki::certificate> chain{leaf(line, "dev1"), line.certificate};
    EXPECT_EQ(login(chain, "dev1"), "unknown_ca") << "none is registered";
    auto unverified = verified(root.certificate);
    unverified.state = ca_state::unverified;
    trust_in({unverified});
    EXPECT_EQ(login(chain, "dev1"), "unknown_ca");
    trust_in({verified(root.certificate, test_now + day)});
    EXPECT_EQ(login(chain, "dev1"), "in");
    EXPECT_EQ(trust->until(), test_now + day) << "then it is to be built anew";
    trust_in({verified(root.certificate, test_now + day)}, {}, test_now + day);
    EXPECT_EQ(login(chain, "dev1"), "unknown_ca");
    const auto twin = make_root("Fleet", signature_algorithm::mldsa44);  // the same name, another key
    trust_in({verified(twin.certificate)});
    EXPECT_NE(login(chain, "dev1"), "in");
}

TEST_F(Login, InTimeOnlyWholeChain) {
    trust_in({verified(root.certificate)});
    add("dev1");
    const pki::validity past{test_now - 20 * day, test_now - day}, coming{test_now + day, test_now + 20 * day};
    EXPECT_EQ(login({leaf(root, "dev1", past)}, "dev1"), "certificate_expired");
    EXPECT_EQ(login({leaf(root, "dev1", coming)}, "dev1"), "certificate_not_yet_valid");
    const auto old_line = make_ca(root, pki::issuing_ca_template("Test", "Old", past));
    EXPECT_EQ(login({leaf(old_line, "dev1"), old_line.certificate}, "dev1"), "certificate_expired") << "the one above it";
    const auto short_line = make_ca(root, pki::issuing_ca_template("Test", "Short", {test_now - day, test_now + 2 * day}));
    const auto answer = judge_login(*store, judged({leaf(short_line, "dev1"), short_line.certificate}), "dev1", test_now);
    ASSERT_TRUE(answer.in);
    EXPECT_EQ(answer.in->until, test_now + 2 * day) << "the session ends with the first of them";
}

TEST_F(Login, RevokedByItsIssuersList) {
    add("dev1");
    const auto one = leaf(root, "dev1");
    const auto list = value_of(
        pki::issue_crl({1, test_now - 60, test_now + day, {{one.serial(), test_now - 30, {}}}}, root.certificate, root.key));
    trust_in({verified(root.certificate)}, {list});
    EXPECT_EQ(login({one}, "dev1"), "certificate_revoked");
    EXPECT_EQ(login({one}, "dev1", test_now + 2 * day), "certificate_revoked") << "a list that is too old says nothing any more";
    const auto clean = value_of(pki::issue_crl({1, test_now - 60, test_now + day, {}}, root.certificate, root.key));
    trust_in({verified(root.certificate)}, {clean});
    EXPECT_EQ(login({one}, "dev1"), "in");
}

TEST_F(Login, WhatWasJudgedIsFoundOnAListThatComesLater) {
    trust_in({verified(root.certificate)});
    add("dev1");
    const auto one = leaf(line, "dev1"), other = leaf(root, "dev1");
    const auto chain = judged({one, line.certificate}), direct = judged({other});
    ASSERT_EQ(chain.path.size(), 2U);
    EXPECT_FALSE(trust->revoked(chain.path));
    const auto listing = [&](const pki::certificate& who, const authority& by) {
        return value_of(
            pki::issue_crl({7, test_now - 60, test_now + day, {{who.serial(), test_now - 30, {}}}}, by.certificate, by.key));
    };
    trust_in({verified(root.certificate)}, {listing(other, root)});
    EXPECT_TRUE(trust->revoked(direct.path));
    EXPECT_FALSE(trust->revoked(chain.path)) << "the same CA's, and another certificate";
    trust_in({verified(root.certificate)}, {listing(line.certificate, root)});
    EXPECT_TRUE(trust->revoked(chain.path)) << "the one above it";
    EXPECT_FALSE(trust->revoked(direct.path));
    // A number says nothing without who has given it, and a list of nobody whom the hub knows is left out.
    trust_in({verified(root.certificate)}, {listing(one, root)});
    EXPECT_FALSE(trust->revoked(chain.path));
    const auto stranger = make_root("Fleet", signature_algorithm::mldsa44);  // the same name
    trust_in({verified(root.certificate)}, {listing(other, stranger)});
    EXPECT_FALSE(trust->revoked(direct.path));
    EXPECT_EQ(login({other}, "dev1"), "in");
}

TEST_F(Login, ACertificateIsItsOwnersAlone) {
    trust_in({verified(root.certificate)});
    for (const char* name : {"A", "B", "A/m", "B/m", "A%2Fm"}) {
        add(name);
    }
    EXPECT_EQ(login({leaf(root, "A")}, "B"), "name_mismatch");
    EXPECT_EQ(login({leaf(root, "A")}, "A/m"), "name_mismatch") << "a device is not its modules";
    EXPECT_EQ(login({leaf(root, "A/m")}, "A"), "name_mismatch") << "nor a module its device";
    EXPECT_EQ(login({leaf(root, "A/m")}, "B/m"), "name_mismatch");
    EXPECT_EQ(login({leaf(root, "A%2Fm")}, "A/m"), "name_mismatch") << "names are not decoded";
    EXPECT_EQ(login({leaf(root, "a")}, "A"), "name_mismatch");
    EXPECT_EQ(login({leaf(root, "A ")}, "A"), "bad_certificate");
    EXPECT_EQ(login({leaf(root, "\xd0\x90")}, "A"), "bad_certificate") << "looks like A";
    EXPECT_EQ(login({leaf(root, "A/m/x")}, "A/m"), "bad_certificate");
    EXPECT_EQ(login({leaf(root, "/m")}, "A/m"), "bad_certificate");
    auto twice = pki::client_template("Test", "A", usual);
    twice.subject.add("CN", "B");
    const auto both = issue(root, twice, signature_key("x").public_key().spki());
    EXPECT_EQ(login({both}, "A"), "bad_certificate");
    EXPECT_EQ(login({both}, "B"), "bad_certificate");
    auto none = pki::client_template("Test", "A", usual);
    none.subject.attributes.clear();
    none.subject.add("O", "A");
    EXPECT_EQ(login({issue(root, none, signature_key("x").public_key().spki())}, "A"), "bad_certificate");
}

TEST_F(Login, ClaimedNamesThatAreNone) {
    trust_in({verified(root.certificate)});
    add("A");
    using namespace std::string_literals;
    for (const auto& name : {""s, "A/"s, "A\0"s, "A+"s, "A#"s, "$A"s, std::string(129, 'A'), "A/m/m"s}) {
        EXPECT_EQ(login({leaf(root, "A")}, name), "bad_name") << name;
    }
}

TEST_F(Login, LongNamesInAlternativeNamesByPolicyOnly) {
    const std::string longest(128, 'x');
    add(longest);
    trust_in({verified(root.certificate)});
    auto contents = pki::client_template("Test", "-", usual);
    contents.subject.attributes.pop_back();
    contents.alt_names.uris = {"urn:berth:device:" + longest};
    const auto one = issue(root, contents, signature_key("x").public_key().spki());
    EXPECT_EQ(login({one}, longest), "bad_certificate");
    EXPECT_EQ(login({one}, longest, test_now, {true}), "in");
    contents.alt_names.uris.push_back("urn:berth:device:other");
    EXPECT_EQ(login({issue(root, contents, signature_key("x").public_key().spki())}, longest, test_now, {true}),
              "bad_certificate");
}

TEST_F(Login, TheRegistryHasTheLastWord) {
    trust_in({verified(root.certificate)});
    const std::vector<pki::certificate> dev1{leaf(root, "dev1")}, mod1{leaf(root, "dev1/mod1")};
    EXPECT_EQ(login(dev1, "dev1"), "unknown_identity");
    auto device = add("dev1");
    auto module = add("dev1/mod1");
    EXPECT_EQ(login(mod1, "dev1/mod1"), "in");
    identity_settings off;
    off.enabled = false;
    module = got(store->change(module, off, test_now));
    EXPECT_EQ(login(mod1, "dev1/mod1"), "disabled") << "modules, too";
    EXPECT_EQ(login(dev1, "dev1"), "in");
    module = got(store->change(module, {}, test_now));
    device = got(store->change(device, off, test_now));
    EXPECT_EQ(login(dev1, "dev1"), "disabled");
    EXPECT_EQ(login(mod1, "dev1/mod1"), "device_disabled");
    identity_settings none;
    none.login.way = login_way::none;
    device = got(store->change(device, none, test_now));
    EXPECT_EQ(login(dev1, "dev1"), "login_not_allowed");
    ASSERT_TRUE(store->remove(device, test_now));
    EXPECT_EQ(login(dev1, "dev1"), "unknown_identity");
    EXPECT_EQ(login(mod1, "dev1/mod1"), "unknown_identity");
}

TEST_F(Login, ByThumbprintWhateverStandsInTheCertificate) {
    trust_in({verified(root.certificate)});
    const auto own = make_root("self-signed", signature_algorithm::ecdsa_p256_sha256);
    const auto next = leaf(make_root("nobody"), "somebody else");
    identity_settings settings;
    settings.login = {login_way::thumbprint, own.certificate.sha256(), next.sha256()};
    add("dev1", settings);
    EXPECT_EQ(login({own.certificate}, "dev1"), "in");
    EXPECT_EQ(login({next}, "dev1"), "in");
    EXPECT_EQ(login({leaf(root, "dev1")}, "dev1"), "thumbprint_mismatch") << "a registered CA does not replace it";
    EXPECT_EQ(login({}, "dev1"), "no_certificate");
    EXPECT_EQ(login({own.certificate}, "dev1", usual.not_after + 1), "certificate_expired");
    EXPECT_EQ(login({own.certificate}, "dev1", usual.not_before - 1), "certificate_not_yet_valid");
    add("dev2");
    EXPECT_EQ(login({own.certificate}, "dev2"), "bad_certificate") << "a thumbprint is one device's alone; this is a CA's";
    EXPECT_EQ(login({next}, "dev2"), "unknown_ca");
    settings.login = {login_way::thumbprint, thumbprint{}, std::nullopt};
    add("dev3", settings);
    EXPECT_EQ(login({}, "dev3"), "no_certificate") << "no certificate has no thumbprint, not even zeroes";
}

TEST_F(Login, NobodyWithoutACertificate) {
    trust_in({verified(root.certificate)});
    add("dev1");
    EXPECT_EQ(login({}, "dev1"), "no_certificate");
}

TEST_F(Login, RaisingTheEpochEndsAllCertificatesBefore) {
    trust_in({verified(root.certificate)});
    add("dev1");
    const auto before = leaf(root, "dev1", {test_now - day, test_now + 30 * day});
    const auto after = leaf(root, "dev1", {test_now + 20, test_now + 31 * day});
    EXPECT_EQ(login({before}, "dev1"), "in");
    ASSERT_TRUE(store->raise_epoch({"dev1", ""}, test_now + 10));
    EXPECT_EQ(login({before}, "dev1", test_now + 60), "epoch_passed");
    EXPECT_EQ(login({after}, "dev1", test_now + 60), "in");
    // Certificates of our own CAs say their epoch: it counts, and the time does not.
    const auto of_epoch = [this](uint32_t epoch) {
        pki::issued_extras extras;
        extras.epoch = epoch;
        return value_of(pki::issue(pki::client_template("Test", "dev1", usual), extras, signature_key("x").public_key().spki(),
                                   root.certificate, root.key, random));
    };
    EXPECT_EQ(login({of_epoch(0)}, "dev1"), "epoch_passed");
    EXPECT_EQ(login({of_epoch(1)}, "dev1"), "in");
    EXPECT_EQ(login({of_epoch(2)}, "dev1"), "in") << "the CA has counted on";
}

TEST_F(Login, OnlyCertificatesForClients) {
    trust_in({verified(root.certificate)});
    add("dev1");
    auto contents = pki::client_template("Test", "dev1", usual);
    const auto spki = to_bytes(signature_key("x").public_key().spki());
    contents.extended_key_usages = {std::string(pki::oid_server_auth)};
    EXPECT_EQ(login({issue(root, contents, spki)}, "dev1"), "bad_certificate");
    contents.extended_key_usages.clear();
    EXPECT_EQ(login({issue(root, contents, spki)}, "dev1"), "in");
    contents.key_usage = pki::key_encipherment;
    EXPECT_EQ(login({issue(root, contents, spki)}, "dev1"), "bad_certificate");
}

TEST_F(Login, EachReasonHasItsName) {
    std::set<std::string_view> all;
    for (size_t i = 0; i < login_refusals; ++i) {
        const auto name = to_string(static_cast<login_refusal>(i));
        EXPECT_FALSE(name.empty());
        all.insert(name);
    }
    EXPECT_EQ(all.size(), login_refusals);
    EXPECT_EQ(to_string(login_refusal::registry_unavailable), "registry_unavailable");
}

}  // namespace
}  // namespace berth::test

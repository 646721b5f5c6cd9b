#include "pki/certificate_openssl.h"
#include "pki/crl.h"
#include "pki/verify.h"
#include "support/test_pki.h"

#include <thread>

#include <gtest/gtest.h>

namespace berth::pki {

namespace {

using test::authority;
using test::day;
using test::issue;
using test::kem_key;
using test::make_ca;
using test::make_issuing_ca;
using test::make_root;
using test::name_of_error;
using test::now_as;
using test::signature_key;
using test::test_now;
using test::usual;
using test::value_of;

const authority& root() {
    static const authority r = make_root("root");
    return r;
}
const authority& issuing() {
    static const authority ca = make_issuing_ca(root(), "issuing");
    return ca;
}
const trust_store& trust() {
    static const trust_store store = value_of(trust_store::from_root(root().certificate));
    return store;
}
certificate kem_leaf(const authority& by, validity v = usual, const std::string& serial = "SN-1") {
    return issue(by, idevid_kem_template("Acme", serial, {}, v), kem_key("leaf").public_key().spki());
}
certificate signature_leaf(const authority& by, validity v = usual) {
    return issue(by, client_template("Acme", "leaf", v), signature_key("leaf").public_key().spki());
}
std::string verdict(const std::vector<certificate>& chain, const verify_options& options = now_as(leaf_rule::kem),
                    const trust_store& store = trust()) {
    const auto verified = verify_chain(store, chain, options);
    if (!verified) {
        EXPECT_EQ(verified.error().category, error_category::peer) << verified.error().message;
        EXPECT_FALSE(verified.error().message.empty());
    }
    return name_of_error(verified);
}
std::string param(const error& e, std::string_view key) {
    for (const auto& [k, v] : e.params) {
        if (k == key) {
            return v;
        }
    }
    return "(none)";
}

TEST(Verify, AcceptsAndSaysWhatItAccepted) {
    const certificate leaf = kem_leaf(issuing());
    const std::vector<certificate> sent{leaf, issuing().certificate};
    const auto verified = verify_chain(trust(), sent, now_as(leaf_rule::kem));
    ASSERT_TRUE(verified) << verified.error().message;
    EXPECT_EQ(verified->leaf(), leaf);
    EXPECT_EQ(verified->chain().size(), 2U);
    EXPECT_EQ(verified->anchor(), root().certificate);
    static_assert(!std::is_copy_constructible_v<verified_chain> && !std::is_default_constructible_v<verified_chain>);

    EXPECT_EQ(verdict({kem_leaf(root())}), "accepted");
    EXPECT_EQ(verdict({signature_leaf(issuing()), issuing().certificate}, now_as(leaf_rule::signature)), "accepted");
    EXPECT_EQ(verdict({leaf, root().certificate, issuing().certificate}), "accepted") << "any order, root sent along";
}

// Nothing of one judgement is left for the next.
TEST(Verify, TheSameChainIsJudgedAnewEachTime) {
    const trust_store store = value_of(trust_store::from_root(root().certificate));
    const std::vector<certificate> sent{kem_leaf(issuing()), issuing().certificate};
    auto options = now_as(leaf_rule::kem);
    EXPECT_EQ(verdict(sent, options, store), "accepted");
    EXPECT_EQ(verdict(sent, options, store), "accepted");
    EXPECT_EQ(verdict({sent.front()}, options, store), "unknown_issuer") << "without its issuer it has no way";
    options.leaf = leaf_rule::signature;
    EXPECT_EQ(verdict(sent, options, store), "unsupported_certificate");
    options.leaf = leaf_rule::kem;
    options.time = validity_instants::at(usual.not_after + 1);
    EXPECT_EQ(verdict(sent, options, store), "certificate_expired");
    options.time = validity_instants::at(test_now);
    options.max_intermediates = 0;
    EXPECT_EQ(verdict(sent, options, store), "path_too_long");
    options.max_intermediates = 1;
    options.revocation = crl_policy::always;
    EXPECT_EQ(verdict(sent, options, store), "crl_missing");
    const auto rsa_allowed = [&] {
        options.revocation = crl_policy::none;
        options.allow_rsa = true;
        return verdict(sent, options, store);
    };
    EXPECT_EQ(rsa_allowed(), "accepted");
    // Another store has other anchors, whatever this one knows.
    EXPECT_EQ(verdict(sent, now_as(leaf_rule::kem), value_of(trust_store::from_root(make_root("other").certificate))),
              "unknown_issuer");
}

TEST(Verify, EveryKindOfIssuerAndLeaf) {
    for (const auto issuer_alg : crypto::all_signature_algorithms) {
        const authority r = make_root("algorithms", issuer_alg);
        const trust_store store = value_of(trust_store::from_root(r.certificate));
        for (const auto alg : crypto::all_kem_algorithms) {
            const certificate leaf = issue(r, idevid_kem_template("A", "S", {}, usual), kem_key("x", alg).public_key().spki());
            EXPECT_EQ(verdict({leaf}, now_as(leaf_rule::kem), store), "accepted")
                << crypto::name_of(issuer_alg) << " " << crypto::name_of(alg);
        }
        for (const auto alg : crypto::all_signature_algorithms) {
            const certificate leaf = issue(r, client_template("A", "S", usual), signature_key("x", alg).public_key().spki());
            EXPECT_EQ(verdict({leaf}, now_as(leaf_rule::signature), store), "accepted")
                << crypto::name_of(issuer_alg) << " " << crypto::name_of(alg);
        }
    }
}

TEST(Verify, UnknownIssuers) {
    const certificate leaf = kem_leaf(issuing());
    const auto missing = verify_chain(trust(), std::span(&leaf, 1), now_as(leaf_rule::kem));
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().name, "unknown_issuer");
    EXPECT_EQ(param(missing.error(), "index"), "0");
    EXPECT_EQ(param(missing.error(), "subject"), leaf.subject());
    EXPECT_EQ(param(missing.error(), "issuer"), issuing().certificate.subject());

    // The store may hold what the peer leaves out.
    const trust_store fuller = value_of(trust_store::build({{root().certificate}, {issuing().certificate}, {}}));
    EXPECT_EQ(verdict({leaf}, now_as(leaf_rule::kem), fuller), "accepted");

    const authority stranger = make_root("stranger");
    EXPECT_EQ(verdict({kem_leaf(stranger), stranger.certificate}), "unknown_issuer");
    // The same names, another key.
    test::named_random random("impostor");
    const auto key = crypto::signing_key::generate(crypto::signature_algorithm::mldsa65, random);
    const authority impostor{value_of(issue_self_signed(root_template("Test", "root", usual), key, random)), key};
    ASSERT_EQ(impostor.certificate.subject(), root().certificate.subject());
    EXPECT_EQ(verdict({kem_leaf(impostor), impostor.certificate}), "unknown_issuer");
    const trust_store nobody = value_of(trust_store::build({}));
    EXPECT_EQ(verdict({leaf, issuing().certificate, root().certificate}, now_as(leaf_rule::kem), nobody), "unknown_issuer");
    EXPECT_EQ(verdict({}), "bad_certificate");
}

TEST(Verify, AForgedSignatureIsNamed) {
    bytes der = to_bytes(kem_leaf(root()).der());
    der[der.size() - 5] ^= 1;
    const certificate forged = value_of(certificate::parse(der));
    const auto verified = verify_chain(trust(), std::span(&forged, 1), now_as(leaf_rule::kem));
    ASSERT_FALSE(verified);
    EXPECT_EQ(verified.error().name, "bad_certificate_signature");
    EXPECT_EQ(param(verified.error(), "index"), "0");
}

// What was found good of a CA is remembered, and holds for its very octets and the key above it alone.
TEST(Verify, AForgedCaIsNamedAlsoWhereTheTrueOneIsKnown) {
    const trust_store store = value_of(trust_store::from_root(root().certificate));
    const certificate leaf = kem_leaf(issuing());
    const auto options = now_as(leaf_rule::kem);
    EXPECT_EQ(verdict({leaf, issuing().certificate}, options, store), "accepted");
    bytes der = to_bytes(issuing().certificate.der());
    der[der.size() - 5] ^= 1;
    const std::vector<certificate> forged{leaf, value_of(certificate::parse(der))};
    for (int i = 0; i < 2; ++i) {
        const auto verified = verify_chain(store, forged, options);
        ASSERT_FALSE(verified);
        EXPECT_EQ(verified.error().name, "bad_certificate_signature");
        EXPECT_EQ(param(verified.error(), "index"), "1");
    }
    // The same name and key under a root of the same name, whose key is another one.
    const authority other = make_root("root", crypto::signature_algorithm::ecdsa_p384_sha384);
    const certificate borrowed = issue(other, issuing_ca_template("Test", "issuing", usual), issuing().certificate.spki());
    EXPECT_NE(verdict({leaf, borrowed}, options, store), "accepted");
    EXPECT_EQ(verdict({leaf, issuing().certificate}, options, store), "accepted");
}

TEST(Verify, Times) {
    verify_options options = now_as(leaf_rule::kem);
    const std::vector<certificate> chain{kem_leaf(issuing()), issuing().certificate};
    const auto at = [&](unix_seconds now) {
        options.time = validity_instants::at(now);
        return verdict(chain, options);
    };
    EXPECT_EQ(at(usual.not_before), "accepted");
    EXPECT_EQ(at(usual.not_after), "accepted");
    EXPECT_EQ(at(usual.not_before - 1), "certificate_not_yet_valid");
    EXPECT_EQ(at(usual.not_after + 1), "certificate_expired");

    // Onboarding section 4, Time: the instant is known only to lie in an interval.
    options.time = validity_instants::between(usual.not_before - 100, usual.not_before + 100);
    EXPECT_EQ(verdict(chain, options), "accepted");
    options.time = validity_instants::between(usual.not_after - 100, usual.not_after + 100);
    EXPECT_EQ(verdict(chain, options), "accepted");
    options.time = validity_instants::between(usual.not_before - 100, usual.not_before - 1);
    EXPECT_EQ(verdict(chain, options), "certificate_not_yet_valid");
    options.time = validity_instants::between(usual.not_after + 1, usual.not_after + 100);
    EXPECT_EQ(verdict(chain, options), "certificate_expired");
}

TEST(Verify, TheIssuersTimesCountToo) {
    const authority old = make_ca(root(), issuing_ca_template("Test", "old", {test_now - 9 * day, test_now - 2 * day}));
    const std::vector<certificate> chain{kem_leaf(old), old.certificate};
    const auto verified = verify_chain(trust(), chain, now_as(leaf_rule::kem));
    ASSERT_FALSE(verified);
    EXPECT_EQ(verified.error().name, "certificate_expired");
    EXPECT_EQ(param(verified.error(), "index"), "1");
    EXPECT_EQ(param(verified.error(), "subject"), old.certificate.subject());

    const authority dead = make_root("dead", crypto::signature_algorithm::mldsa44, {0, test_now - 1});
    EXPECT_EQ(verdict({kem_leaf(dead)}, now_as(leaf_rule::kem), value_of(trust_store::from_root(dead.certificate))),
              "certificate_expired");
}

TEST(Verify, CertificatesWithoutEnd) {
    const validity forever{0, no_expiry};
    const authority r = make_root("for ever", crypto::signature_algorithm::mldsa65, forever);
    verify_options options = now_as(leaf_rule::kem);
    options.time = validity_instants::at(no_expiry);
    EXPECT_EQ(verdict({kem_leaf(r, forever)}, options, value_of(trust_store::from_root(r.certificate))), "accepted");
}

TEST(Verify, LeafRules) {
    EXPECT_EQ(verdict({signature_leaf(root())}), "unsupported_certificate");
    EXPECT_EQ(verdict({kem_leaf(root())}, now_as(leaf_rule::signature)), "unsupported_certificate");
    EXPECT_EQ(verdict({kem_leaf(root())}, now_as(leaf_rule::ca)), "not_a_ca");
    EXPECT_EQ(verdict({issuing().certificate}, now_as(leaf_rule::ca)), "accepted");
    EXPECT_EQ(verdict({issuing().certificate}, now_as(leaf_rule::signature)), "bad_certificate");
    EXPECT_EQ(verdict({root().certificate}, now_as(leaf_rule::signature)), "bad_certificate") << "an anchor as leaf";
    EXPECT_EQ(verdict({root().certificate}, now_as(leaf_rule::ca)), "accepted");

    // A KEM key in a CA's certificate: X509_verify_cert alone would take it as a leaf.
    certificate_template t = idevid_kem_template("A", "S", {}, usual);
    t.is_ca = true;
    EXPECT_EQ(verdict({issue(root(), t, kem_key("x").public_key().spki())}), "bad_certificate");
}

TEST(Verify, LeafKeyUsageIsJudgedExactly) {
    const auto with_usage = [](std::optional<uint16_t> usage) {
        certificate_template t = idevid_kem_template("A", "S", {}, usual);
        t.key_usage = usage;
        return verdict({issue(root(), t, kem_key("x").public_key().spki())});
    };
    EXPECT_EQ(with_usage(std::nullopt), "accepted");
    EXPECT_EQ(with_usage(key_encipherment), "accepted");
    EXPECT_EQ(with_usage(digital_signature), "bad_key_usage");
    EXPECT_EQ(with_usage(key_agreement), "bad_key_usage");
    EXPECT_EQ(with_usage(static_cast<uint16_t>(key_encipherment | digital_signature)), "bad_key_usage");
    EXPECT_EQ(with_usage(static_cast<uint16_t>(key_encipherment | data_encipherment)), "bad_key_usage");

    certificate_template t = client_template("A", "S", usual);
    t.key_usage = key_agreement;
    EXPECT_EQ(verdict({issue(root(), t, signature_key("x").public_key().spki())}, now_as(leaf_rule::signature)), "bad_key_usage");
    t.key_usage = static_cast<uint16_t>(digital_signature | key_agreement);
    // RFC 9881 5: an ML-DSA key has no such use.
    EXPECT_EQ(verdict({issue(root(), t, signature_key("x", crypto::signature_algorithm::mldsa65).public_key().spki())},
                      now_as(leaf_rule::signature)),
              "bad_key_usage");
    EXPECT_EQ(verdict({issue(root(), t, signature_key("x").public_key().spki())}, now_as(leaf_rule::signature)), "accepted");
}

// The certificate of a key whose second part is not on the curve is "bad_certificate" (profile section 2).
TEST(Verify, ALeafWithABadKeyIsRefusedBeforeItsChain) {
    const certificate good = kem_leaf(make_root("unknown to the verifier"));
    bytes der = to_bytes(good.der());
    const bytes_view raw = value_of(good.kem_key()).raw();
    const auto at = std::search(der.begin(), der.end(), raw.begin(), raw.end());
    ASSERT_NE(at, der.end());
    *(at + static_cast<std::ptrdiff_t>(raw.size()) - 1) ^= 1;
    EXPECT_EQ(verdict({value_of(certificate::parse(der))}), "bad_certificate");
}

TEST(Verify, IssuersMustBeCas) {
    // A leaf that signs: its certificate is none of a CA, whatever its key can do.
    const auto key = signature_key("rogue", crypto::signature_algorithm::mldsa65);
    certificate_template as_ca = issuing_ca_template("Acme", "rogue", usual);
    const certificate ca_form = issue(root(), as_ca, key.public_key().spki());
    certificate_template as_leaf = client_template("Acme", "rogue", usual);
    const certificate leaf_form = issue(root(), as_leaf, key.public_key().spki());
    ASSERT_EQ(ca_form.subject(), leaf_form.subject());
    const certificate victim = kem_leaf({ca_form, key});
    EXPECT_EQ(verdict({victim, ca_form}), "accepted");
    EXPECT_EQ(verdict({victim, leaf_form}), "not_a_ca");

    certificate_template no_sign = as_ca;
    no_sign.key_usage = crl_sign;
    EXPECT_EQ(verdict({victim, issue(root(), no_sign, key.public_key().spki())}), "bad_key_usage");
}

TEST(Verify, PathLength) {
    // An issuing CA (pathlen 0) makes another CA.
    certificate_template below = issuing_ca_template("Test", "below", usual);
    const authority sub = make_ca(issuing(), below);
    const std::vector<certificate> chain{kem_leaf(sub), sub.certificate, issuing().certificate};
    const auto verified = verify_chain(trust(), chain, now_as(leaf_rule::kem));
    ASSERT_FALSE(verified);
    EXPECT_EQ(verified.error().name, "path_too_long");

    // Without the constraint, but more than the caller wants.
    certificate_template free = root_template("Test", "one", usual);
    const authority one = make_ca(root(), free);
    free = root_template("Test", "two", usual);
    const authority two = make_ca(one, free);
    verify_options options = now_as(leaf_rule::kem);
    options.max_intermediates = 2;
    EXPECT_EQ(verdict({kem_leaf(two), two.certificate, one.certificate}, options), "accepted");
    options.max_intermediates = 0;
    EXPECT_EQ(verdict({kem_leaf(root())}, options), "accepted");
    EXPECT_EQ(verdict({kem_leaf(one), one.certificate}, options), "path_too_long");
    options.max_intermediates = 1;
    EXPECT_EQ(verdict({kem_leaf(one), one.certificate}, options), "accepted");
    EXPECT_EQ(verdict({kem_leaf(two), two.certificate, one.certificate}, options), "path_too_long");
    EXPECT_EQ(verdict(std::vector<certificate>(17, kem_leaf(root()))), "path_too_long");
}

TEST(Verify, AnchorsMayBeIntermediatesAndNeverLeaves) {
    const trust_store at_issuing = value_of(trust_store::from_root(issuing().certificate));
    const certificate leaf = kem_leaf(issuing());
    const auto verified = verify_chain(at_issuing, std::span(&leaf, 1), now_as(leaf_rule::kem));
    ASSERT_TRUE(verified) << verified.error().message;
    EXPECT_EQ(verified->anchor(), issuing().certificate);
    EXPECT_EQ(verdict({kem_leaf(root())}, now_as(leaf_rule::kem), at_issuing), "unknown_issuer");
    EXPECT_EQ(name_of_error(trust_store::from_root(leaf)), "bad_anchor");
}

TEST(Verify, NameConstraints) {
    certificate_template t = issuing_ca_template("Test", "constrained", usual);
    t.constraints.permitted_dns = {"example.com"};
    t.constraints.excluded_dns = {"secret.example.com"};
    const authority ca = make_ca(root(), t);
    const auto with_host = [&](const std::string& host) {
        return verdict({issue(ca, masa_kem_template("Acme", host, usual), kem_key("x").public_key().spki()), ca.certificate});
    };
    EXPECT_EQ(with_host("masa.example.com"), "accepted");
    EXPECT_EQ(with_host("masa.example.org"), "name_constraint_violated");
    EXPECT_EQ(with_host("a.secret.example.com"), "name_constraint_violated");

    t.subject = distinguished_name().add("CN", "uris");
    t.constraints = {};
    t.constraints.permitted_uri_hosts = {"example.com"};
    const authority uris = make_ca(root(), t);
    certificate_template leaf = operational_template("Acme", "S", {}, credential_kind::kem, usual);
    EXPECT_EQ(verdict({issue(uris, leaf, kem_key("x").public_key().spki()), uris.certificate}), "name_constraint_violated")
        << "a urn has no host to compare";
}

TEST(Verify, UnknownCriticalExtensionsAreRefused) {
    // nameConstraints is known; one that libcrypto does not know has to be made from a known one by its OID.
    certificate_template t = idevid_kem_template("A", "S", {}, usual);
    t.subject.attributes.clear();
    t.alt_names.dns = {"a.example"};
    const certificate good = issue(root(), t, kem_key("x").public_key().spki());
    EXPECT_EQ(verdict({good}), "accepted");
    bytes der = to_bytes(good.der());
    const std::array<uint8_t, 5> san{0x06, 0x03, 0x55, 0x1d, 0x11};
    const auto at = std::search(der.begin(), der.end(), san.begin(), san.end());
    ASSERT_NE(at, der.end());
    *(at + 4) = 0x7f;
    EXPECT_EQ(verdict({value_of(certificate::parse(der))}), "bad_certificate");
}

class Revocation : public testing::Test {
protected:
    static crl list_of(const authority& by, uint64_t number, std::vector<revoked_entry> revoked,
                       unix_seconds from = test_now - day, unix_seconds until = test_now + day) {
        return value_of(issue_crl({number, from, until, std::move(revoked)}, by.certificate, by.key));
    }
    static trust_store with(std::vector<crl> crls) {
        return value_of(trust_store::build({{root().certificate}, {}, std::move(crls)}));
    }
    std::string verdict_with(const std::vector<crl>& crls, crl_policy policy) const {
        verify_options options = now_as(leaf_rule::kem);
        options.revocation = policy;
        return verdict(chain_, options, with(crls));
    }
    revoked_entry entry_of(const certificate& c) const { return {c.serial(), test_now - day, revocation_reason::key_compromise}; }

    certificate leaf_ = kem_leaf(issuing());
    std::vector<certificate> chain_{leaf_, issuing().certificate};
};

TEST_F(Revocation, ARevokedLeafIsRefused) {
    const std::vector<crl> crls{list_of(issuing(), 1, {entry_of(leaf_)}), list_of(root(), 1, {})};
    EXPECT_EQ(verdict_with(crls, crl_policy::always), "certificate_revoked");
    EXPECT_EQ(verdict_with(crls, crl_policy::if_present), "certificate_revoked");
    EXPECT_EQ(verdict_with(crls, crl_policy::none), "accepted");
    verify_options options = now_as(leaf_rule::kem);
    const auto verified = verify_chain(with(crls), chain_, options);
    ASSERT_FALSE(verified);
    EXPECT_EQ(param(verified.error(), "reason"), "key_compromise");
    EXPECT_EQ(param(verified.error(), "index"), "0");
}

TEST_F(Revocation, ARevokedIssuerIsRefused) {
    const std::vector<crl> crls{list_of(issuing(), 1, {}), list_of(root(), 1, {entry_of(issuing().certificate)})};
    EXPECT_EQ(verdict_with(crls, crl_policy::always), "certificate_revoked");
    EXPECT_EQ(verdict_with({crls[1]}, crl_policy::if_present), "certificate_revoked");
}

TEST_F(Revocation, MissingLists) {
    EXPECT_EQ(verdict_with({}, crl_policy::always), "crl_missing");
    EXPECT_EQ(verdict_with({}, crl_policy::if_present), "accepted");
    EXPECT_EQ(verdict_with({list_of(issuing(), 1, {})}, crl_policy::always), "crl_missing") << "the issuer's own issuer";
    EXPECT_EQ(verdict_with({list_of(root(), 1, {})}, crl_policy::always), "crl_missing");
    // No list is asked for of the anchor's issuer.
    EXPECT_EQ(verdict_with({list_of(issuing(), 1, {}), list_of(root(), 1, {})}, crl_policy::always), "accepted");
    const auto at_issuing = value_of(trust_store::build({{issuing().certificate}, {}, {list_of(issuing(), 1, {})}}));
    verify_options options = now_as(leaf_rule::kem);
    options.revocation = crl_policy::always;
    EXPECT_EQ(verdict({leaf_}, options, at_issuing), "accepted");
}

TEST_F(Revocation, OldAndFutureLists) {
    EXPECT_EQ(verdict_with({list_of(issuing(), 1, {}, test_now - 3 * day, test_now - day)}, crl_policy::if_present),
              "crl_expired");
    EXPECT_EQ(verdict_with({list_of(issuing(), 1, {}, test_now + day, test_now + 3 * day)}, crl_policy::if_present),
              "crl_not_yet_valid");
    // On an old list is still revoked.
    EXPECT_EQ(
        verdict_with({list_of(issuing(), 1, {entry_of(leaf_)}, test_now - 3 * day, test_now - day)}, crl_policy::if_present),
        "certificate_revoked");
}

// Lists made in memory that are not read back look identical to libcrypto's store: the second is dropped.
TEST_F(Revocation, OfTwoListsTheNewerCounts) {
    const crl older = list_of(issuing(), 1, {});
    const crl newer = list_of(issuing(), 2, {entry_of(leaf_)});
    EXPECT_EQ(verdict_with({older, newer}, crl_policy::if_present), "certificate_revoked");
    EXPECT_EQ(verdict_with({newer, older}, crl_policy::if_present), "certificate_revoked");
    const crl released = list_of(issuing(), 3, {});
    EXPECT_EQ(verdict_with({newer, released, older}, crl_policy::if_present), "accepted");
    EXPECT_EQ(verdict_with({newer, newer}, crl_policy::if_present), "certificate_revoked");
    EXPECT_EQ(name_of_error(trust_store::build(
                  {{root().certificate}, {}, {list_of(issuing(), 5, {}), list_of(issuing(), 5, {entry_of(leaf_)})}})),
              "duplicate_crl");
}

TEST_F(Revocation, ListsOfOthersDoNotCount) {
    // Another CA of the same name: its list names its own key.
    test::named_random random("same name");
    const auto key = crypto::signing_key::generate(crypto::signature_algorithm::mldsa65, random);
    const authority twin{value_of(pki::issue(issuing_ca_template("Test", "issuing", usual), key.public_key().spki(),
                                             root().certificate, root().key, random)),
                         key};
    const crl of_twin = list_of(twin, 9, {entry_of(leaf_)});
    EXPECT_EQ(verdict_with({of_twin}, crl_policy::if_present), "accepted");
    EXPECT_EQ(verdict_with({of_twin, list_of(root(), 1, {})}, crl_policy::always), "crl_missing");
    EXPECT_EQ(verdict_with({of_twin, list_of(issuing(), 1, {entry_of(leaf_)})}, crl_policy::if_present), "certificate_revoked");

    bytes forged = to_bytes(list_of(issuing(), 1, {}).der());
    forged[forged.size() - 5] ^= 1;
    EXPECT_EQ(verdict_with({value_of(crl::parse(forged))}, crl_policy::if_present), "bad_crl");
}

// The same list with another's signature, or without what tells whose key signed it.
crl signed_anew(const crl& list, const authority& by, bool with_key_id) {
    const x509_crl_ptr copy(X509_CRL_dup(list.get().x509_crl.get()));
    if (!with_key_id) {
        const int at = X509_CRL_get_ext_by_NID(copy.get(), NID_authority_key_identifier, -1);
        X509_EXTENSION_free(X509_CRL_delete_ext(copy.get(), at));
    }
    EXPECT_GT(X509_CRL_sign(copy.get(), evp_of(by.key), nullptr), 0);
    return value_of(crl::parse(crypto::to_der(copy.get(), i2d_X509_CRL)));
}

// A CA that calls itself as another and names its key takes the other's list from nobody.
TEST_F(Revocation, AListUnderABorrowedNameDoesNotCount) {
    const crl good = list_of(issuing(), 1, {entry_of(leaf_)});
    const crl borrowed = signed_anew(list_of(issuing(), 2, {}), root(), true);
    verify_options options = now_as(leaf_rule::kem);
    options.revocation = crl_policy::if_present;
    for (const auto& lists : {std::vector{good, borrowed}, std::vector{borrowed, good}}) {
        const auto store = value_of(trust_store::build({{root().certificate}, {issuing().certificate}, lists}));
        EXPECT_EQ(verdict(chain_, options, store), "certificate_revoked");
    }
}

TEST_F(Revocation, AnOlderListThatNamesNoKeyDoesNotCount) {
    const crl newer = list_of(issuing(), 5, {entry_of(leaf_)});
    const crl older = signed_anew(list_of(issuing(), 4, {}), issuing(), false);
    EXPECT_EQ(verdict_with({newer, older}, crl_policy::if_present), "certificate_revoked");
    const crl newest = signed_anew(list_of(issuing(), 6, {}), issuing(), false);
    EXPECT_EQ(verdict_with({newer, newest}, crl_policy::if_present), "accepted") << "although it names none";
}

TEST_F(Revocation, AnIssuerWithoutCrlSignCannotClearItsSubjects) {
    certificate_template t = issuing_ca_template("Test", "silent", usual);
    const authority able = make_ca(root(), t);
    t.key_usage = key_cert_sign;
    const certificate silent = issue(root(), t, able.key.public_key().spki());
    const certificate leaf = kem_leaf({silent, able.key});
    verify_options options = now_as(leaf_rule::kem);
    EXPECT_EQ(verdict({leaf, silent}, options, with({list_of(able, 1, {})})), "bad_crl");
}

TEST(Verify, ManyThreadsShareOneStore) {
    const auto list = value_of(issue_crl({1, test_now - day, test_now + day, {}}, issuing().certificate, issuing().key));
    const trust_store store = value_of(trust_store::build({{root().certificate}, {issuing().certificate}, {list}}));
    const certificate leaf = kem_leaf(issuing());
    std::atomic<int> good = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < 20; ++n) {
                const certificate fresh = value_of(certificate::parse(leaf.der()));
                good += verify_chain(store, std::span(&fresh, 1), now_as(leaf_rule::kem)) ? 1 : 0;
                good += verify_chain(store, std::span(&leaf, 1), now_as(leaf_rule::kem)) ? 1 : 0;
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(good.load(), 160);
}

// RFC 4210 4.4: a root's next key, which its former one certifies. Who trusts the former one alone is sent both.
TEST(Verify, ARootSentAlongHidesNoOtherWay) {
    const auto old_root = test::make_root("rotating");
    test::named_random random("next key");
    auto key = crypto::signing_key::generate(crypto::signature_algorithm::mldsa65, random);
    const test::authority next{test::value_of(issue_self_signed(root_template("Test", "rotating", test::usual), key, random)),
                               key};
    const auto new_with_old = test::value_of(
        cross_sign(next.certificate, test::usual.not_before, test::usual.not_after, old_root.certificate, old_root.key, random));
    const auto leaf =
        test::issue(next, client_template("Test", "leaf", test::usual), test::signature_key("rotated").public_key().spki());
    const auto store = test::value_of(trust_store::from_root(old_root.certificate));
    const auto judge = [&](std::vector<certificate> chain) {
        return test::name_of_error(verify_chain(store, chain, test::now_as(leaf_rule::signature)));
    };
    EXPECT_EQ(judge({leaf, new_with_old}), "accepted");
    EXPECT_EQ(judge({leaf, next.certificate, new_with_old}), "accepted");
    EXPECT_EQ(judge({leaf, new_with_old, next.certificate}), "accepted");
    EXPECT_EQ(judge({leaf, next.certificate}), "unknown_issuer");
}

}  // namespace

}  // namespace berth::pki

// Whom a client trusts after cacerts (RFC 7030 4.1, RFC 4210 4.4).
#include "est/ca_certificates.h"

#include "support/test_pki.h"

namespace berth::est {

namespace {

using namespace test;

constexpr auto p256 = crypto::signature_algorithm::ecdsa_p256_sha256;

class EstTrust : public ::testing::Test {
protected:
    // The certificate of `of`'s key and name, signed by `by`.
    static pki::certificate link(const authority& of, const authority& by, pki::validity v = usual) {
        named_random random("link " + of.certificate.subject() + by.certificate.subject());
        return value_of(pki::cross_sign(of.certificate, v.not_before, v.not_after, by.certificate, by.key, random));
    }
    using list = std::vector<pki::certificate>;

    const authority old_ = make_root("one", p256);
    // RFC 4210 4.4: the same name, another key.
    const authority next_ = [] {
        named_random random("another key of root one");
        auto key = crypto::signing_key::generate(crypto::signature_algorithm::mldsa65, random);
        return authority{value_of(pki::issue_self_signed(pki::root_template("Test", "one", usual), key, random)), key};
    }();
    const authority other_ = make_root("other", p256);
    const authority issuing_ = make_issuing_ca(old_, "issuing", p256);
};

TEST_F(EstTrust, RootsAndOthersAreToldApart) {
    const list links{link(next_, old_), link(old_, next_)};
    const ca_bundle b = value_of(sort_ca_certificates(
        list{issuing_.certificate, links[0], old_.certificate, next_.certificate, links[1], old_.certificate}));
    EXPECT_EQ(b.roots, (list{old_.certificate, next_.certificate}));
    EXPECT_EQ(b.intermediates, (list{issuing_.certificate, links[0], links[1]}));
}

TEST_F(EstTrust, BundlesThatAreNoneAreRefused) {
    const auto leaf = issue(old_, pki::client_template("Acme", "leaf", usual), signature_key("leaf").public_key().spki());
    EXPECT_EQ(name_of_error(sort_ca_certificates({})), "bad_ca_certificates");
    EXPECT_EQ(name_of_error(sort_ca_certificates(list{issuing_.certificate})), "bad_ca_certificates");
    EXPECT_EQ(name_of_error(sort_ca_certificates(list{old_.certificate, leaf})), "bad_ca_certificates");
}

// RFC 7030 4.1.1: a human compares a fingerprint.
TEST_F(EstTrust, TheFirstRootIsKnownByItsFingerprint) {
    const list sent{other_.certificate, old_.certificate, issuing_.certificate};
    for (const auto& print : {old_.certificate.sha256(), old_.certificate.spki_sha256()}) {
        const trust_update t = value_of(bootstrap_trust(sent, print));
        EXPECT_EQ(t.anchors, list{old_.certificate});
        EXPECT_EQ(t.intermediates, list{issuing_.certificate});
    }
    EXPECT_EQ(name_of_error(bootstrap_trust(sent, {})), "fingerprint_unknown");
    EXPECT_EQ(name_of_error(bootstrap_trust(sent, issuing_.certificate.sha256())), "fingerprint_unknown");  // no root
}

// RFC 7030 4.1.3: the three certificates of a root's key update.
TEST_F(EstTrust, ANewKeyIsTrustedThroughTheOldOne) {
    const list current{old_.certificate};
    const list sent{next_.certificate, old_.certificate, link(old_, next_), link(next_, old_)};
    const trust_update t = value_of(update_trust(current, sent, test_now));
    EXPECT_EQ(t.anchors, (list{next_.certificate, old_.certificate}));
    EXPECT_EQ(t.added, list{next_.certificate});
    EXPECT_TRUE(t.missing.empty());
    // Later the old one is left out.
    const trust_update later = value_of(update_trust(t.anchors, list{next_.certificate}, test_now));
    EXPECT_EQ(later.missing, list{old_.certificate});
    EXPECT_TRUE(later.added.empty());
}

TEST_F(EstTrust, ARootThatNobodyVouchesForIsNotTrusted) {
    const list current{old_.certificate};
    const trust_update t = value_of(update_trust(current, list{old_.certificate, other_.certificate}, test_now));
    EXPECT_EQ(t.anchors, current);
    EXPECT_EQ(name_of_error(update_trust(current, list{other_.certificate}, test_now)), "no_link_to_trust");
    // OldWithNew proves nothing to who trusts the old key.
    EXPECT_EQ(name_of_error(update_trust(current, list{next_.certificate, link(old_, next_)}, test_now)), "no_link_to_trust");
    // A link to another root is none to this one.
    EXPECT_EQ(name_of_error(update_trust(current, list{other_.certificate, link(next_, old_)}, test_now)), "no_link_to_trust");
    EXPECT_EQ(name_of_error(update_trust({}, list{old_.certificate}, test_now)), "no_link_to_trust");
}

// Its own certificate would be the link, if the name did not matter.
TEST_F(EstTrust, ACaBelowTheRootMakesNoRootOfItself) {
    named_random random("self-made");
    const auto self_made = value_of(pki::issue_self_signed(pki::root_template("Test", "issuing", usual), issuing_.key, random));
    ASSERT_TRUE(same_octets(self_made.subject_der(), issuing_.certificate.subject_der()));
    const list sent{old_.certificate, self_made, issuing_.certificate};
    const trust_update t = value_of(update_trust(list{old_.certificate}, sent, test_now));
    EXPECT_TRUE(t.added.empty());
    // Nor is a stranger's root one because the root has certified it for something else.
    const list crossed{old_.certificate, other_.certificate, link(other_, old_)};
    EXPECT_TRUE(value_of(update_trust(list{old_.certificate}, crossed, test_now)).added.empty());
}

TEST_F(EstTrust, LinksHoldWhileTheyAreValid) {
    const list current{old_.certificate};
    const list sent{next_.certificate, link(next_, old_, {test_now - 2 * day, test_now - day})};
    EXPECT_EQ(name_of_error(update_trust(current, sent, test_now)), "no_link_to_trust");
    EXPECT_EQ(name_of_error(update_trust(current, sent, test_now - day - 1)), "accepted");
    // Nor does an old key vouch when its own certificate is over.
    EXPECT_EQ(name_of_error(update_trust(current, sent, usual.not_after + 1)), "no_link_to_trust");
}

TEST_F(EstTrust, SeveralRolloversAtOnce) {
    const authority third = [] {
        named_random random("a third key of root one");
        auto key = crypto::signing_key::generate(p256, random);
        return authority{value_of(pki::issue_self_signed(pki::root_template("Test", "one", usual), key, random)), key};
    }();
    const list sent{third.certificate, next_.certificate, link(third, next_), link(next_, old_)};
    const trust_update t = value_of(update_trust(list{old_.certificate}, sent, test_now));
    EXPECT_EQ(t.added.size(), 2u);
    EXPECT_EQ(t.missing, list{old_.certificate});
}

}  // namespace

}  // namespace berth::est

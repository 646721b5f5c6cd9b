// Whom a device trusts after its EST server's CA has had another key.
#include "credentials/followed_trust.h"

#include "common/files.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

#include <filesystem>

namespace berth::test {
namespace {

namespace fs = std::filesystem;
constexpr auto p256 = crypto::signature_algorithm::ecdsa_p256_sha256;

class FollowedTrust : public testing::Test {
protected:
    FollowedTrust() {
        source_.at = {"est.example", 443};
        source_.trust = directory_.path() / "roots.pem";
        configure(first_);
    }
    void configure(const authority& root) const { EXPECT_TRUE(app::write_text(source_.trust, root.certificate.to_pem())); }
    static authority heir(const std::string& key) {
        named_random random(key);
        auto made = crypto::signing_key::generate(p256, random);
        return authority{value_of(pki::issue_self_signed(pki::root_template("Test", "one", usual), made, random)), made};
    }
    // NewWithOld.
    static pki::certificate link(const authority& of, const authority& by, pki::validity v = usual) {
        named_random random("link " + to_hex(of.certificate.sha256()) + to_hex(by.certificate.sha256()));
        return value_of(pki::cross_sign(of.certificate, v.not_before, v.not_after, by.certificate, by.key, random));
    }
    [[nodiscard]] std::vector<pki::certificate> anchors() const { return value_of(trust().anchors()); }
    [[nodiscard]] app::followed_trust trust() const { return {directory_.path(), source_}; }
    using list = std::vector<pki::certificate>;

    const authority first_ = make_root("one", p256);
    const authority second_ = heir("second"), third_ = heir("third");
    temporary_directory directory_;
    app::kept_source source_;
};

TEST_F(FollowedTrust, ANewRootIsTrustedBesideTheOldOneOnceThatVouchesForIt) {
    EXPECT_EQ(anchors(), (list{first_.certificate}));
    EXPECT_TRUE(value_of(trust().learn(list{first_.certificate, second_.certificate}, test_now)).empty()) << "nobody vouches";
    EXPECT_EQ(anchors(), (list{first_.certificate}));
    const list rollover{first_.certificate, second_.certificate, link(second_, first_)};
    EXPECT_EQ(value_of(trust().learn(rollover, test_now)), (list{second_.certificate}));
    EXPECT_EQ(anchors(), (list{first_.certificate, second_.certificate}));
    EXPECT_TRUE(value_of(trust().learn(rollover, test_now)).empty()) << "it is known";
    // And on to the next, which the second one vouches for; the server has forgotten the first.
    EXPECT_EQ(value_of(trust().learn(list{third_.certificate, link(third_, second_)}, test_now)), (list{third_.certificate}));
    EXPECT_EQ(anchors(), (list{first_.certificate, second_.certificate, third_.certificate}));
}

TEST_F(FollowedTrust, ALinkCountsAtTheTimeAtWhichItWasReceived) {
    const auto brief = link(second_, first_, {test_now, test_now + day});
    EXPECT_TRUE(value_of(trust().learn(list{second_.certificate, brief}, test_now + 2 * day)).empty()) << "expired";
    EXPECT_EQ(value_of(trust().learn(list{second_.certificate, brief}, test_now)).size(), 1U);
    EXPECT_EQ(anchors().size(), 2U) << "what was believed then holds on";
}

TEST_F(FollowedTrust, WhoNamesAnotherRootIsRidOfTheFormerOnesHeirs) {
    ASSERT_EQ(value_of(trust().learn(list{second_.certificate, link(second_, first_)}, test_now)).size(), 1U);
    const auto other = make_root("other", p256);
    configure(other);
    EXPECT_EQ(anchors(), (list{other.certificate}));
    configure(first_);
    EXPECT_EQ(anchors().size(), 2U);
    // Another server's are no business of this one's.
    source_.at.port = 444;
    EXPECT_EQ(anchors().size(), 1U);
}

TEST_F(FollowedTrust, WhatIsDamagedIsLeftOut) {
    ASSERT_EQ(value_of(trust().learn(list{second_.certificate, link(second_, first_)}, test_now)).size(), 1U);
    for (const auto& entry : fs::recursive_directory_iterator(directory_.path() / "est-trust")) {
        if (entry.is_regular_file()) {
            ASSERT_TRUE(app::write_text(entry.path(), "at noon\n" + second_.certificate.to_pem()));
        }
    }
    EXPECT_EQ(anchors(), (list{first_.certificate}));
    fs::remove(source_.trust);
    EXPECT_FALSE(trust().anchors()) << "without those of est.toml nobody is trusted";
}

}  // namespace
}  // namespace berth::test

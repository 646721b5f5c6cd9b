// Our client against a server that is none of ours: nginx, and openssl ca behind it.
#include "support/foreign_est.h"

namespace berth::test {
namespace {

namespace fs = std::filesystem;

TEST_F(ForeignServer, TrustBeginsWithAFingerprintAndGoesOnWithTheRoot) {
    const auto first = est({"cacerts", "--fingerprint", fingerprint(), "--out", at("anchors.pem")});
    ASSERT_EQ(first.exit, 0) << first.all();
    EXPECT_EQ(got(app::read_certificate(at("anchors.pem"))).sha256(), got(app::read_certificate(at("root.pem"))).sha256());
    const auto wrong = est({"cacerts", "--fingerprint", std::string(64, '0')});
    EXPECT_EQ(wrong.error_name(), "fingerprint_unknown") << wrong.all();
    EXPECT_EQ(trusting({"cacerts"}).exit, 0);
    const auto no_ca = est({"csrattrs"});
    EXPECT_EQ(no_ca.exit, 2);
    EXPECT_EQ(no_ca.error_name(), "missing_option");
    const auto other_name = trusting({"csrattrs", "--host", "est.example"});
    EXPECT_EQ(other_name.error_name(), "wrong_server_name") << other_name.all();
}

TEST_F(ForeignServer, SaysWhatItWantsInRequests) {
    const auto wanted = trusting({"csrattrs"});
    ASSERT_EQ(wanted.exit, 0) << wanted.all();
    EXPECT_TRUE(wanted.json().at("channel_binding").as_bool());
    EXPECT_EQ(wanted.json().at("key").as_string(), "1.2.840.10045.2.1");
}

TEST_F(ForeignServer, EnrolsAndRenewsWithTheSameKeyAndWithAnother) {
    const auto enrolled =
        trusting({"enrol", "--new-key", at("one.key"), "--alg", "p256", "--subject", "CN=device-1", "--out", at("one.pem")});
    ASSERT_EQ(enrolled.exit, 0) << enrolled.all();
    expect_issued("one.pem", "device-1");

    const auto without = trusting({"reenrol", "--new-key", at("one.key"), "--subject", "CN=device-1"});
    EXPECT_EQ(without.error_name(), "refused") << without.all();
    EXPECT_NE(without.all().find("a certificate is needed"), std::string::npos) << "the server's own words: " << without.all();

    const auto renewed = trusting({"reenrol", "--cert", at("one.pem"), "--key", at("one.key"), "--out", at("two.pem")});
    ASSERT_EQ(renewed.exit, 0) << renewed.all();
    expect_issued("two.pem", "device-1");
    const auto before = got(app::read_certificate(at("one.pem")));
    const auto after = got(app::read_certificate(at("two.pem")));
    EXPECT_TRUE(same_octets(before.spki(), after.spki()));
    EXPECT_NE(before.serial_hex(), after.serial_hex());

    const auto rekeyed = trusting({"reenrol", "--cert", at("two.pem"), "--key", at("one.key"), "--new-key", at("three.key"),
                                   "--alg", "p256", "--out", at("three.pem")});
    ASSERT_EQ(rekeyed.exit, 0) << rekeyed.all();
    expect_issued("three.pem", "device-1");
    EXPECT_FALSE(same_octets(before.spki(), got(app::read_certificate(at("three.pem"))).spki()));
}

TEST_F(ForeignServer, WaitsForApproval) {
    fs::remove(at("asked"));
    const std::vector<std::string> how{"enrol", "--label",   "slow",           "--new-key", at("slow.key"), "--alg",
                                       "p256",  "--subject", "CN=slow-device", "--out",     at("slow.pem")};
    const auto told = trusting(how);
    EXPECT_EQ(told.exit, 1) << told.all();
    EXPECT_EQ(told.error_name(), "approval_pending");
    EXPECT_NE(told.all().find("an operator decides"), std::string::npos) << told.all();
    // The key is there now; with it the same is asked again.
    const auto later = trusting(
        {"enrol", "--label", "slow", "--new-key", at("slow.key"), "--subject", "CN=slow-device", "--out", at("slow.pem")});
    ASSERT_EQ(later.exit, 0) << later.all();
    expect_issued("slow.pem", "slow-device");
    fs::remove(at("asked"));
    const auto waited =
        trusting({"enrol", "--label", "slow", "--new-key", at("slow.key"), "--subject", "CN=slow-device", "--wait", "20"});
    EXPECT_EQ(waited.exit, 0) << waited.all();
}

TEST_F(ForeignServer, APasswordIsSentWhenItIsAskedFor) {
    const std::vector<std::string> how{"enrol", "--label", "guarded", "--new-key", at("guarded.key"), "--subject", "CN=guarded"};
    const auto with = [&](std::vector<std::string> more) {
        auto all = how;
        all.insert(all.end(), more.begin(), more.end());
        return trusting(all);
    };
    EXPECT_EQ(with({"--alg", "p256"}).error_name(), "password_wanted");
    EXPECT_EQ(with({"--user", "device", "--password-file", at("wrong-password")}).error_name(), "password_wanted");
    const auto done = with({"--user", "device", "--password-file", at("password")});
    EXPECT_EQ(done.exit, 0) << done.all();
}

TEST_F(ForeignServer, WhatItDoesNotOfferIsToldSo) {
    const auto made = trusting({"serverkeygen", "--subject", "CN=x", "--key-out", at("made.key")});
    EXPECT_EQ(made.error_name(), "not_offered") << made.all();
    EXPECT_FALSE(fs::exists(at("made.key")));
}

}  // namespace
}  // namespace berth::test

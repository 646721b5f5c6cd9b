// The generations of a kept credential on disk, and what is made of them after an interruption at each place.
#include "device/identity_holdings.h"
#include "made_up_bundle.h"

#include "pki/private_key_file.h"

#include <sys/stat.h>

namespace berth::test {
namespace {

namespace fs = std::filesystem;

TEST_F(KeptFiles, AKeyWaitsUntilItsCertificateIsThere) {
    const auto first = value_of(files_.await_key(wish_, test_now, crypto::system_random()));
    EXPECT_EQ(first.number, 1U);
    struct stat s{};
    ASSERT_EQ(::stat((files_.path_of(1) / "key.pem").c_str(), &s), 0);
    EXPECT_EQ(s.st_mode & 0777U, 0600U);
    const auto again = value_of(files_.await_key(wish_, test_now, crypto::system_random()));
    EXPECT_EQ(again.number, 1U);
    EXPECT_TRUE(same_octets(app::spki_of(first.key), app::spki_of(again.key))) << "the same key, whoever asks";
    EXPECT_TRUE(look().certified.empty());
    EXPECT_EQ(mend(test_now).current, 0U);

    ASSERT_TRUE(files_.certified(1, {certify(app::spki_of(first.key), test_now, test_now + day)}, test_now + 5));
    EXPECT_EQ(name_of_error(files_.certified(1, {certify(app::spki_of(first.key), test_now, test_now + day)}, 0)), "not_awaited");
    const auto k = mend(test_now);
    EXPECT_EQ(k.current, 1U) << "the first one is in use at once";
    EXPECT_EQ(k.certified.at(0).state.renew_at, test_now + 5);
    EXPECT_TRUE(files_.open(k.certified[0]));
}

TEST_F(KeptFiles, AnotherAlgorithmThanConfiguredIsNotAskedFor) {
    ASSERT_TRUE(files_.await_key(wish_, test_now, crypto::system_random()));
    wish_.algorithm = crypto::signature_algorithm::mldsa44;
    const auto other = value_of(files_.await_key(wish_, test_now, crypto::system_random()));
    EXPECT_EQ(std::get<keystore::signing_key_ptr>(other.key)->algorithm(), crypto::signature_algorithm::mldsa44);
    EXPECT_EQ(value_of(files_.await_key(wish_, test_now, crypto::system_random())).number, other.number);
    EXPECT_TRUE(look().awaited);
}

TEST_F(KeptFiles, TheFormerOneGoesWhenTheNewOneIsAcceptedAndNotBefore) {
    add(test_now, test_now + day, test_now + 10);
    ASSERT_TRUE(files_.accepted(1));
    add(test_now + 10, test_now + 2 * day, test_now + day);
    auto k = mend(test_now + 20);
    EXPECT_EQ(k.current, 1U);
    EXPECT_EQ(k.certified.size(), 2U);
    ASSERT_TRUE(files_.tried(2));
    ASSERT_TRUE(files_.tried(2));
    EXPECT_EQ(look().certified[0].state.tries, 2U);
    ASSERT_TRUE(files_.not_tried(2));
    EXPECT_EQ(look().certified[0].state.tries, 1U);
    ASSERT_TRUE(files_.not_tried(2));
    ASSERT_TRUE(files_.not_tried(2));
    EXPECT_EQ(look().certified[0].state.tries, 0U) << "never less";
    ASSERT_TRUE(files_.accepted(2));
    k = mend(test_now + 20);
    EXPECT_EQ(k.current, 2U);
    EXPECT_EQ(k.certified.size(), 1U);
    EXPECT_FALSE(fs::exists(files_.path_of(1)));
}

TEST_F(KeptFiles, OneThatNobodyHasAcceptedIsUsedWhereNoOtherIsGood) {
    add(test_now, test_now + day, test_now + 10);
    ASSERT_TRUE(files_.accepted(1));
    add(test_now + 10, test_now + 3 * day, test_now + day);
    EXPECT_EQ(mend(test_now + day).current, 1U);
    const auto k = mend(test_now + day + 1);
    EXPECT_EQ(k.current, 2U) << "the former one has expired";
    EXPECT_EQ(k.certified.size(), 2U) << "a successor that was not accepted lets nothing go";
    EXPECT_EQ(mend(0).current, 2U) << "a clock that says 1970 changes nothing";
    EXPECT_EQ(mend(test_now + 100 * day).certified.size(), 2U) << "nor does one that is far ahead";
}

TEST_F(KeptFiles, WhatWasInterruptedIsFinished) {
    add(test_now, test_now + day, test_now + 10);
    ASSERT_TRUE(files_.accepted(1));
    EXPECT_EQ(mend(test_now).current, 1U);
    add(test_now + 10, test_now + 2 * day, test_now + day);
    ASSERT_TRUE(files_.accepted(2));
    // Killed between making the link and switching it; and, of something that went before, in the middle of removing it.
    fs::create_directory_symlink("2", files_.directory() / "current.new");
    fs::create_directories(files_.directory() / "9.gone");
    const auto k = mend(test_now + 20);
    EXPECT_EQ(k.current, 2U);
    EXPECT_FALSE(fs::exists(fs::symlink_status(files_.directory() / "current.new")));
    EXPECT_FALSE(fs::exists(files_.directory() / "9.gone"));
    // A directory without a key is where the next one is made.
    fs::create_directories(files_.path_of(3));
    EXPECT_EQ(value_of(files_.await_key(wish_, test_now, crypto::system_random())).number, 3U);
}

TEST_F(KeptFiles, DamageIsLeftOutAndDestroysNothing) {
    add(test_now, test_now + day, test_now + 10);
    ASSERT_TRUE(files_.accepted(1));
    add(test_now + 10, test_now + 2 * day, test_now + day);
    ASSERT_TRUE(app::write_text(files_.path_of(2) / "certificate.pem", "no certificate"));
    auto k = mend(test_now + 20);
    ASSERT_EQ(k.certified.size(), 1U);
    EXPECT_EQ(k.current, 1U);
    EXPECT_TRUE(fs::exists(files_.path_of(2) / "key.pem"));
    ASSERT_TRUE(app::write_text(files_.path_of(1) / "state.json", "{"));
    k = look();
    ASSERT_EQ(k.certified.size(), 1U);
    EXPECT_EQ(plan_for(k, wish_, test_now + 20).what, app::deed::prove) << "what is not known of it is found out";
    EXPECT_EQ(value_of(files_.await_key(wish_, test_now, crypto::system_random())).number, 3U);
}

TEST_F(KeptFiles, TheIdentityServiceHasTheOneInUse) {
    using holdings = app::identity_holdings;
    const auto key = signature_key("installed");
    const auto installed = test::issue(root_, pki::client_template("Test", "installed", usual), key.public_key().spki());
    fs::create_directories(bundle_.directory / "installed");
    ASSERT_TRUE(app::write_text(bundle_.directory / "installed/ops.pem", installed.to_pem()));
    ASSERT_TRUE(pki::save_private_key((bundle_.directory / "installed/ops.key").string(), key));
    holdings served(bundle_);
    EXPECT_EQ(value_of(served.look("ops")).chain.front(), installed);
    add(test_now, test_now + day, test_now + 10);
    EXPECT_EQ(value_of(served.look("ops")).chain.front(), installed) << "none of these is in use yet";
    ASSERT_TRUE(files_.accepted(1));
    EXPECT_EQ(mend(test_now).current, 1U);
    const auto first = look().certified[0].chain.front();
    EXPECT_EQ(value_of(served.look("ops")).chain.front(), first) << "what is renewed goes before what was installed";
    EXPECT_TRUE(served.open("ops"));
    holdings birth(bundle_, holdings::prefer::installed);
    EXPECT_EQ(value_of(birth.look("ops")).chain.front(), installed);
    add(test_now + 10, test_now + 2 * day, test_now + day);
    ASSERT_TRUE(files_.accepted(2));
    EXPECT_EQ(mend(test_now + 20).current, 2U);
    const auto second = value_of(served.look("ops")).chain.front();
    EXPECT_NE(second, first);
    const auto opened = value_of(served.open("ops"));
    EXPECT_TRUE(same_octets(app::spki_of(opened), second.spki())) << "a handle of the former key is not given out any more";
}

TEST_F(KeptFiles, OneKeepsThemAtATime) {
    const auto held = app::keeping_lock::take(bundle_.directory);
    ASSERT_TRUE(held) << held.error().message;
    EXPECT_EQ(name_of_error(app::keeping_lock::take(bundle_.directory)), "agent_running");
}

}  // namespace
}  // namespace berth::test

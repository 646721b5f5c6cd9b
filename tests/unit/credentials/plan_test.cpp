// What is due, of all that can be on disk.
#include "made_up_bundle.h"

namespace berth::test {
namespace {

using app::deed;

TEST_F(KeptFiles, AsksForWhatIsNotThere) {
    EXPECT_EQ(app::plan_for({}, wish_, test_now).what, deed::enrol);
    EXPECT_EQ(app::shown_for(deed::enrol, {}, wish_, test_now), nullptr);
}

TEST_F(KeptFiles, ANewOneIsShownThenWaitsThenIsRenewed) {
    add(test_now, test_now + day, test_now + 100);
    EXPECT_EQ(plan_for(look(), wish_, test_now).what, deed::prove);
    ASSERT_TRUE(files_.accepted(1));
    const auto k = look();
    const auto waits = plan_for(k, wish_, test_now + 99);
    EXPECT_EQ(waits.what, deed::wait);
    EXPECT_EQ(waits.at, test_now + 100);
    EXPECT_EQ(plan_for(k, wish_, test_now + 100).what, deed::renew);
    EXPECT_EQ(shown_for(deed::renew, k, wish_, test_now + 100), &k.certified[0]);
    EXPECT_EQ(plan_for(k, wish_, test_now + day + 1).what, deed::enrol) << "nobody renews with what has expired";
}

TEST_F(KeptFiles, OneThatIsRefusedThreeTimesIsReplacedByWayOfTheFormerOne) {
    add(test_now, test_now + day, test_now + 10);
    ASSERT_TRUE(files_.accepted(1));
    add(test_now + 10, test_now + 2 * day, test_now + day);
    for (uint32_t i = 0; i < app::most_proofs; ++i) {
        const auto k = look();
        EXPECT_EQ(plan_for(k, wish_, test_now + 20).what, deed::prove);
        EXPECT_EQ(shown_for(deed::prove, k, wish_, test_now + 20)->number, 2U);
        ASSERT_TRUE(files_.tried(2));
    }
    const auto k = look();
    EXPECT_EQ(plan_for(k, wish_, test_now + 20).what, deed::renew);
    EXPECT_EQ(shown_for(deed::renew, k, wish_, test_now + 20)->number, 1U);
}

TEST_F(KeptFiles, WhoIsToldToAcceptShowsNothingByHimself) {
    wish_.accept = app::kept_wish::acceptance::told;
    add(test_now, test_now + day, test_now + 100);
    EXPECT_EQ(plan_for(look(), wish_, test_now).what, deed::wait);
}

TEST_F(KeptFiles, NobodyIsOnboardedAgainWhileOneOfHisCertificatesIsValid) {
    const std::vector<app::kept_credential> nothing(2);
    EXPECT_FALSE(app::may_onboard_anew(app::refused_for_good - 1, nothing, test_now)) << "one refusal is none";
    EXPECT_TRUE(app::may_onboard_anew(app::refused_for_good, nothing, test_now));
    add(test_now, test_now + day, test_now + 100);
    const std::vector<app::kept_credential> all{{}, look()};
    EXPECT_FALSE(app::may_onboard_anew(100, all, test_now + day)) << "valid, though nobody has accepted it";
    EXPECT_TRUE(app::may_onboard_anew(app::refused_for_good, all, test_now + day + 1));
}

TEST_F(KeptFiles, OverAuthkemTheIdentityRenews) {
    add(test_now, test_now + day, test_now + 100);
    const auto k = look();
    EXPECT_NE(shown_for(deed::renew, k, wish_, test_now), nullptr);
    wish_.over_authkem = true;
    EXPECT_EQ(shown_for(deed::renew, k, wish_, test_now), nullptr);
}

TEST_F(KeptFiles, AKemKeyIsShownToNobody) {
    wish_.algorithm = crypto::kem_algorithm::mlkem768;
    add(test_now, test_now + day, test_now + 100);
    EXPECT_EQ(shown_for(deed::renew, look(), wish_, test_now), nullptr);
}

}  // namespace
}  // namespace berth::test

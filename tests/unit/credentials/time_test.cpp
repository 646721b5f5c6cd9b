// What time it is, with clocks that are wrong.
#include "credentials/known_time.h"

#include "common/files.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

namespace berth::app {
namespace {

using test::test_now;

class KnownTime : public testing::Test {
protected:
    KnownTime() {
        bundle_.directory = directory_.path();
        std::filesystem::create_directories(directory_.path() / "credentials");
    }
    test::temporary_directory directory_;
    device_bundle bundle_;
};

TEST_F(KnownTime, AClockThatIsPlausibleIsBelieved) {
    const manual_clock clock(test_now);
    const known_time time(bundle_, clock);
    EXPECT_TRUE(time.sure());
    EXPECT_EQ(time.now(), test_now);
    EXPECT_EQ(time.instants().not_after_at, test_now);
}

TEST_F(KnownTime, In1970AServerIsJudgedFromTheLowerBoundOn) {
    manual_clock clock(60);
    {
        known_time time(bundle_, clock);
        time.learn_issue_date(test_now);
        EXPECT_FALSE(time.sure());
        EXPECT_EQ(time.now(), test_now);
        EXPECT_EQ(time.instants().not_after_at, test_now) << "expired by then is expired";
        EXPECT_EQ(time.instants().not_before_at, pki::no_expiry);
        time.learn(test_now - 301);
        EXPECT_FALSE(time.sure()) << "before the issue date of what we hold: not believed";
        {
            known_time other(bundle_, clock);
            other.learn(test_now - 2);
            EXPECT_EQ(other.now(), test_now) << "the clocks of two machines";
        }
        time.learn(test_now + 500);
        EXPECT_TRUE(time.sure());
        clock.advance(10'000);
        EXPECT_EQ(time.now(), test_now + 510);
    }
    const known_time later(bundle_, clock);
    EXPECT_FALSE(later.sure()) << "another boot: what was told is past";
    EXPECT_EQ(later.now(), test_now + 500);
    EXPECT_EQ(later.instants().not_after_at, test_now) << "who errs by a year locks nobody out of it";
}

TEST_F(KnownTime, ADeviceWithoutAClockIsNeverSureByItself) {
    bundle_.has_clock = false;
    const manual_clock clock(test_now);
    EXPECT_FALSE(known_time(bundle_, clock).sure());
}

}  // namespace
}  // namespace berth::app

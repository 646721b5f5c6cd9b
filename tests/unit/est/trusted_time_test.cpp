// Clocks that stand at 1970 and at 2100.
#include "est/trusted_time.h"

namespace berth::est {

namespace {

constexpr unix_seconds issued_at = 1'800'000'000;

TEST(EstTime, ADeviceThatWakesIn1970KnowsItsCertificate) {
    time_knowledge about;
    learn_lower_bound(about, issued_at);
    const manual_clock in_1970(0);
    EXPECT_EQ(now_by(about, in_1970), issued_at);
    EXPECT_FALSE(is_told(about));
    learn_lower_bound(about, issued_at - 5);  // never back
    EXPECT_EQ(now_by(about, in_1970), issued_at);
}

TEST(EstTime, WhatIsToldCountsMoreThanTheSystemsClock) {
    time_knowledge about;
    learn_lower_bound(about, issued_at);
    manual_clock in_2100(4'102'444'800);
    EXPECT_EQ(now_by(about, in_2100), 4'102'444'800);  // nothing better is known
    EXPECT_TRUE(learn_time(about, issued_at + 100, in_2100.steady()));
    EXPECT_TRUE(is_told(about));
    EXPECT_EQ(now_by(about, in_2100), issued_at + 100);
    in_2100.advance(60'000);
    EXPECT_EQ(now_by(about, in_2100), issued_at + 160);
    in_2100.set(0);  // somebody turns the clock
    EXPECT_EQ(now_by(about, in_2100), issued_at + 160);
}

TEST(EstTime, WhatIsBeforeTheOwnCertificateIsNotBelieved) {
    time_knowledge about;
    learn_lower_bound(about, issued_at);
    const manual_clock clock(issued_at + 50);
    EXPECT_FALSE(learn_time(about, issued_at - 1, clock.steady()));
    EXPECT_FALSE(is_told(about));
    EXPECT_EQ(now_by(about, clock), issued_at + 50);
}

// A source that errs by years is corrected by the next.
TEST(EstTime, ALaterWordCorrectsAnEarlierOne) {
    time_knowledge about;
    const manual_clock clock(issued_at);
    EXPECT_TRUE(learn_time(about, 4'102'444'800, clock.steady()));
    EXPECT_TRUE(learn_time(about, issued_at + 7, clock.steady()));
    EXPECT_EQ(now_by(about, clock), issued_at + 7);
}

TEST(EstTime, AfterARestartTheLastWordIsALowerBound) {
    time_knowledge about;
    const manual_clock before(0);
    EXPECT_TRUE(learn_time(about, issued_at + 1'000, before.steady()));
    forget_steady(about);
    EXPECT_FALSE(is_told(about));
    EXPECT_EQ(now_by(about, manual_clock(5)), issued_at + 1'000);
    EXPECT_EQ(now_by(about, manual_clock(issued_at + 2'000)), issued_at + 2'000);
}

}  // namespace

}  // namespace berth::est

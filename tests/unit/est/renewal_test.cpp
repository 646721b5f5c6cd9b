#include "est/renewal.h"

#include "support/test_pki.h"

namespace berth::est {

namespace {

using namespace test;

constexpr auto percent = portion::unit::percent;
constexpr auto seconds = portion::unit::seconds;

TEST(EstPortion, PercentagesAndTimes) {
    EXPECT_EQ(value_of(parse_portion("80%")), (portion{percent, 80}));
    EXPECT_EQ(value_of(parse_portion("30day")), (portion{seconds, 30 * 86'400}));
    EXPECT_EQ(value_of(parse_portion("12hour")), (portion{seconds, 43'200}));
    EXPECT_EQ(value_of(parse_portion("90min")), (portion{seconds, 5'400}));
    EXPECT_EQ(value_of(parse_portion("45s")), (portion{seconds, 45}));
    for (const char* bad : {"", "%", "80", "0%", "100%", "101%", "-5%", "5 %", "1week", "99999999999s", "99999999day", "80%%"}) {
        EXPECT_EQ(name_of_error(parse_portion(bad)), "bad_portion") << bad;
    }
    EXPECT_EQ((portion{percent, 67}).of(1'000), 670);
    EXPECT_EQ((portion{percent, 99}).of(pki::no_expiry), pki::no_expiry / 100 * 99 + pki::no_expiry % 100 * 99 / 100);
    EXPECT_EQ((portion{seconds, 5'000}).of(1'000), 1'000);
}

TEST(EstRenewal, FromTheThresholdOnAndBeforeTheEnd) {
    named_random random("renewal");
    const lifetime hours{test_now, test_now + 10'000};
    for (int i = 0; i < 1'000; ++i) {
        const auto at = renew_at(hours, {{percent, 60}, 50}, random);
        EXPECT_GE(at, test_now + 6'000);
        EXPECT_LE(at, test_now + 8'000);
        const auto left = renew_at(hours, {{seconds, 1'000}, 50}, random);
        EXPECT_GE(left, test_now + 9'000);
        EXPECT_LE(left, test_now + 9'500);
        EXPECT_LE(renew_at(hours, {{percent, 99}, 100}, random), hours.not_after);
    }
    // A time that is more than the lifetime: at once, spread over half of it.
    EXPECT_LE(renew_at(hours, {{seconds, 20'000}, 50}, random), test_now + 5'000);
    EXPECT_EQ(renew_at({test_now, test_now - 5}, {}, random), test_now);  // a lifetime that is none
}

// A fleet that was enrolled at one instant comes back evenly.
TEST(EstRenewal, AFleetIsSpread) {
    named_random random("fleet");
    std::array<int, 10> tenths{};
    constexpr int devices = 10'000;
    for (int i = 0; i < devices; ++i) {
        const auto at = renew_at({0, 100'000}, {{percent, 50}, 100}, random) - 50'000;
        ++tenths[std::min<size_t>(9, static_cast<size_t>(at / 5'000))];
    }
    for (const int count : tenths) {
        EXPECT_NEAR(count, devices / 10, 150);  // five standard deviations; the stream is the same at every run
    }
}

TEST(EstRetry, RangesDoubleUpToTheMostAndShrinkTowardsTheEnd) {
    named_random random("retry");
    const renewal_policy policy{{percent, 67}, 50, 5'000, 60'000};
    const auto most = [&](uint32_t failures, unix_seconds left) {
        milliseconds out = 0;
        for (int i = 0; i < 2'000; ++i) {
            const auto in = retry_in(failures, left, policy, {}, random);
            EXPECT_GE(in, 1'000);
            out = std::max(out, in);
        }
        return out;
    };
    EXPECT_LE(most(1, day), 5'000);
    EXPECT_GT(most(1, day), 4'900);
    EXPECT_LE(most(2, day), 10'000);
    EXPECT_GT(most(2, day), 9'800);
    EXPECT_LE(most(40, day), 60'000);
    EXPECT_GT(most(UINT32_MAX, day), 59'000);
    EXPECT_LE(most(40, 80), 10'000);  // eight more tries at least
    EXPECT_EQ(most(40, 5), 1'000);
    EXPECT_GT(most(40, -day), 59'000);  // it is over: nothing is gained by hurry
}

TEST(EstRetry, TheServersWishIsWaitedForWithinReason) {
    named_random random("retry after");
    const renewal_policy policy;
    for (int i = 0; i < 100; ++i) {
        EXPECT_GE(retry_in(1, day, policy, 600, random), 600'000);
        // "Come again in 136 years" does not make a device lose its certificate.
        EXPECT_LE(retry_in(1, 1'000, policy, UINT32_MAX, random), 500'000 + 125'000);
    }
}

held_credential held(unix_seconds from, unix_seconds to, bool accepted) {
    return {{from, to}, accepted, false};
}

TEST(EstCredentials, TheNewOneIsTriedAndTheOldOneIsThere) {
    const std::vector<held_credential> all{held(90, 200, false), held(0, 120, true)};
    EXPECT_EQ(choose(all, 100, 0), 0u);
    EXPECT_EQ(choose(all, 100, 3), 1u);  // the new one was refused three times
    EXPECT_EQ(choose(all, 130, 3), 0u);  // nothing else is left
    EXPECT_EQ(choose(all, 80, 0), 1u);   // the new one is of the future: by a clock that is slow
    EXPECT_EQ(choose(all, 201, 0), std::nullopt);
    EXPECT_EQ(choose({}, 0, 0), std::nullopt);
}

TEST(EstCredentials, NeverBelowOneThatWasAccepted) {
    std::vector<held_credential> all{held(90, 200, false), held(0, 120, true)};
    EXPECT_FALSE(may_discard(all, 1, 100));
    EXPECT_FALSE(may_discard(all, 0, 100));
    EXPECT_FALSE(may_discard(all, 1, 150));  // over, but its successor was never accepted
    all[0].accepted = true;
    EXPECT_TRUE(may_discard(all, 1, 100));
    EXPECT_FALSE(may_discard(all, 0, 100));
    EXPECT_FALSE(may_discard(all, 1, 201));  // the successor is over
    all[0].revoked = true;
    EXPECT_FALSE(may_discard(all, 1, 100));
    EXPECT_EQ(choose(all, 100, 0), 1u);
    EXPECT_EQ(state_of(all[0], 100), credential_state::revoked);
    EXPECT_EQ(state_of(all[1], 121), credential_state::expired);
    EXPECT_EQ(state_of(all[1], -1), credential_state::too_early);
}

}  // namespace

}  // namespace berth::est

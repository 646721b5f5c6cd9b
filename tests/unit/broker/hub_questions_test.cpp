#include "hub_questions.h"

#include <gtest/gtest.h>

namespace berth::test {
namespace {

using app::hub_questions;

const hub::hub_request get_it{hub::hub_request::kind::get_twin, "1"};

TEST(HubQuestions, AnAnswerGoesToWhoAsked) {
    hub_questions q;
    const int one = 0, other = 0;
    EXPECT_FALSE(q.ask(&one, get_it, 0)) << "nobody is in";
    q.came(&one, "a");
    q.came(&other, "b");
    const auto first = q.ask(&one, get_it, 0), second = q.ask(&other, {hub::hub_request::kind::report, "2"}, 0);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(q.answered(*second)->client_id, "b");
    const auto asker = q.answered(*first);
    ASSERT_TRUE(asker);
    EXPECT_EQ(asker->client_id, "a");
    EXPECT_EQ(asker->request.rid, "1");
    EXPECT_FALSE(q.answered(*first)) << "once";
    EXPECT_FALSE(q.answered(99));
}

TEST(HubQuestions, WhoIsGoneIsToldNothing) {
    hub_questions q;
    const int at = 0;
    q.came(&at, "a");
    const auto asked = q.ask(&at, get_it, 0);
    q.left(&at);
    q.came(&at, "b");  // the same handle, another's
    EXPECT_FALSE(q.answered(*asked));
    const auto again = q.ask(&at, get_it, 0);
    q.came(&at, "b");  // judged again
    EXPECT_TRUE(q.answered(*again));
}

TEST(HubQuestions, EachHasItsShare) {
    hub_questions q;
    const int one = 0, other = 0;
    q.came(&one, "a");
    q.came(&other, "b");
    std::vector<uint64_t> waiting;
    for (size_t i = 0; i < hub_questions::most_in_flight; ++i) {
        const auto asked = q.ask(&one, get_it, 0);
        ASSERT_TRUE(asked);
        waiting.push_back(*asked);
    }
    EXPECT_FALSE(q.ask(&one, get_it, 0));
    EXPECT_TRUE(q.ask(&other, get_it, 0));
    (void)q.answered(waiting.front());
    EXPECT_TRUE(q.ask(&one, get_it, 0));
}

TEST(HubQuestions, NotForeverFasterThanItMay) {
    hub_questions q;
    const int at = 0;
    q.came(&at, "a");
    size_t taken = 0;
    for (int i = 0; i < 1'000; ++i) {
        if (const auto asked = q.ask(&at, get_it, 0)) {
            ++taken;
            (void)q.answered(*asked);
        }
    }
    EXPECT_EQ(taken, static_cast<size_t>(hub_questions::burst / hub_questions::per_question));
    EXPECT_TRUE(q.ask(&at, get_it, hub_questions::per_question));
    EXPECT_FALSE(q.ask(&at, get_it, hub_questions::per_question));
}

}  // namespace
}  // namespace berth::test

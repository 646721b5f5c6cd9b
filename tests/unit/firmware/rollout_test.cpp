// Rings of devices, one after the other, and what stops them.
#include "firmware/rollout.h"
#include "makers.h"

namespace berth::firmware {
namespace {

using test::name_of;

rollout_plan plan() {
    rollout_plan out;
    out.id = "gw-7";
    out.seq = 7;
    out.device_deadline = 100;
    ring lab, early, rest;
    lab.name = "lab";
    lab.share = 0;
    lab.members = {"lab-1", "lab-2"};
    lab.least_done = 2;
    lab.done_percent = 100;
    early.name = "early";
    early.share = 10;
    early.most_failed_percent = 25;
    early.least_ended = 4;
    early.least_done = 3;
    early.done_percent = 50;
    early.soak = 50;
    rest.name = "rest";
    rest.share = 90;
    out.rings = {lab, early, rest};
    return out;
}

// Names of devices in a ring.
std::vector<std::string> in_ring(const rollout& r, size_t ring, size_t count) {
    std::vector<std::string> out;
    for (int i = 0; out.size() < count; ++i) {
        if (const auto name = "SN-" + std::to_string(i); r.ring_of(name) == ring) {
            out.push_back(name);
        }
    }
    return out;
}

void lab_done(rollout& r) {
    for (const auto* const name : {"lab-1", "lab-2"}) {
        EXPECT_EQ(r.ask(name, 10), rollout::answer::offer);
        EXPECT_TRUE(r.report(name, true, 20));
    }
    EXPECT_EQ(r.rings_begun(), 2U);
}

TEST(Rollout, DevicesHaveTheirRing) {
    const auto r = rollout::make(plan()).value();
    EXPECT_EQ(r.ring_of("lab-1"), 0U);
    size_t early = 0;
    for (int i = 0; i < 10'000; ++i) {
        const auto name = "SN-" + std::to_string(i);
        const auto ring = r.ring_of(name);
        EXPECT_NE(ring, 0U);
        EXPECT_EQ(ring, r.ring_of(name));
        early += ring == 1 ? 1 : 0;
    }
    EXPECT_NEAR(static_cast<double>(early), 1000, 120);
    auto other = plan();
    other.id = "gw-8";
    const auto next = rollout::make(other).value();
    const auto first = in_ring(r, 1, 20);
    EXPECT_LT(std::ranges::count_if(first, [&](const auto& name) { return next.ring_of(name) == 1; }), 10)
        << "not always the same ones go first";
}

TEST(Rollout, ARingAfterTheOther) {
    auto r = rollout::make(plan()).value();
    const auto early = in_ring(r, 1, 5), rest = in_ring(r, 2, 3);
    EXPECT_EQ(r.ask(early[0], 10), rollout::answer::not_yet);
    lab_done(r);
    EXPECT_EQ(r.ask(rest[0], 30), rollout::answer::not_yet);
    for (size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(r.ask(early[i], 30), rollout::answer::offer);
        EXPECT_TRUE(r.report(early[i], true, 40));
    }
    EXPECT_EQ(r.ask(rest[0], 41), rollout::answer::not_yet) << "it soaks";
    EXPECT_EQ(r.ask(rest[0], 90), rollout::answer::offer);
    EXPECT_EQ(r.ask(early[4], 90), rollout::answer::offer) << "a new device of a ring that has begun";
    EXPECT_EQ(r.ask(early[0], 90), rollout::answer::never) << "has it";
    EXPECT_EQ(r.ask(rest[0], 95), rollout::answer::offer) << "still under way";
    ASSERT_TRUE(r.advance(95));
    EXPECT_EQ(r.state(), rollout_state::finished);
    EXPECT_EQ(r.ask(rest[1], 96), rollout::answer::never);
}

TEST(Rollout, TooManyFailuresStopIt) {
    auto r = rollout::make(plan()).value();
    lab_done(r);
    const auto early = in_ring(r, 1, 8);
    for (size_t i = 0; i < 5; ++i) {
        EXPECT_EQ(r.ask(early[i], 30), rollout::answer::offer);
    }
    EXPECT_TRUE(r.report(early[0], false, 31));
    EXPECT_TRUE(r.report(early[1], false, 31));
    EXPECT_EQ(r.state(), rollout_state::running) << "too few have ended to tell";
    EXPECT_TRUE(r.report(early[2], true, 31));
    EXPECT_TRUE(r.report(early[3], true, 31));
    EXPECT_EQ(r.state(), rollout_state::paused);
    EXPECT_NE(r.why().find("early"), std::string::npos);
    EXPECT_EQ(r.ask(early[5], 32), rollout::answer::not_yet);
    EXPECT_EQ(r.ask(early[4], 32), rollout::answer::not_yet) << "who has not begun need not";
    EXPECT_TRUE(r.report(early[4], true, 33)) << "who had it under way may end";
    ASSERT_TRUE(r.resume(40));
    EXPECT_EQ(r.state(), rollout_state::running) << "what has failed so far is forgiven";
    EXPECT_EQ(r.ask(early[0], 41), rollout::answer::never) << "and not tried again by itself";
    ASSERT_TRUE(r.retry(early[0]));
    EXPECT_EQ(r.ask(early[0], 42), rollout::answer::offer);
    EXPECT_EQ(name_of(r.retry(early[2])), "device_not_failed");
}

TEST(Rollout, NobodyIsAwaitedForEver) {
    auto r = rollout::make(plan()).value();
    EXPECT_EQ(r.ask("lab-1", 10), rollout::answer::offer);
    r.turn(109);
    EXPECT_EQ(r.counted(0).late, 0U);
    r.turn(110);
    EXPECT_EQ(r.counted(0).late, 1U);
    EXPECT_EQ(r.state(), rollout_state::paused) << "one of one";
    ASSERT_TRUE(r.resume(111));
    EXPECT_EQ(r.ask("lab-1", 112), rollout::answer::offer) << "it is there again";
    EXPECT_TRUE(r.report("lab-1", true, 113));
    // Late, and done after all.
    EXPECT_EQ(r.ask("lab-2", 120), rollout::answer::offer);
    r.turn(300);
    EXPECT_TRUE(r.report("lab-2", true, 301));
    EXPECT_EQ(r.counted(0).done, 2U);
    EXPECT_FALSE(r.report("lab-2", true, 302)) << "said twice";
    EXPECT_FALSE(r.report("lab-2", false, 302));
    EXPECT_FALSE(r.report("nobody", true, 302));
}

TEST(Rollout, PauseAndAbort) {
    auto r = rollout::make(plan()).value();
    ASSERT_TRUE(r.pause("it is Friday"));
    EXPECT_EQ(name_of(r.pause("again")), "wrong_state");
    EXPECT_EQ(r.ask("lab-1", 10), rollout::answer::not_yet);
    EXPECT_EQ(name_of(r.advance(10)), "wrong_state");
    ASSERT_TRUE(r.resume(11));
    EXPECT_EQ(r.ask("lab-1", 12), rollout::answer::offer);
    ASSERT_TRUE(r.abort("withdrawn"));
    EXPECT_EQ(r.ask("lab-1", 13), rollout::answer::never);
    EXPECT_EQ(name_of(r.resume(14)), "wrong_state");
    EXPECT_EQ(name_of(r.abort("again")), "wrong_state");
    EXPECT_TRUE(r.report("lab-1", true, 15)) << "what happened is counted";
    EXPECT_EQ(r.state(), rollout_state::aborted);
}

TEST(Rollout, ComesBackFromItsFile) {
    auto r = rollout::make(plan()).value();
    lab_done(r);
    const auto early = in_ring(r, 1, 2);
    EXPECT_EQ(r.ask(early[0], 30), rollout::answer::offer);
    EXPECT_TRUE(r.report(early[0], false, 31));
    ASSERT_TRUE(r.pause("a look"));
    const auto again = rollout::read(wire::parse_json_object(wire::to_text(r.to_json())).value());
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(wire::to_text(again->to_json()), wire::to_text(r.to_json()));
}

TEST(Rollout, PlansThatAreNone) {
    const auto refused = [](const auto& change) {
        auto p = plan();
        change(p);
        return name_of(rollout::make(p));
    };
    EXPECT_EQ(refused([](auto&) {}), "accepted");
    EXPECT_EQ(refused([](auto& p) { p.rings[2].share = 91; }), "bad_rollout");
    EXPECT_EQ(refused([](auto& p) { p.rings.clear(); }), "bad_rollout");
    EXPECT_EQ(refused([](auto& p) { p.device_deadline = 0; }), "bad_rollout");
    EXPECT_EQ(refused([](auto& p) { p.rings[1].name = "lab"; }), "bad_rollout");
    EXPECT_EQ(refused([](auto& p) { p.rings[1].members = {"lab-1"}; }), "bad_rollout");
    EXPECT_EQ(refused([](auto& p) { p.id = "a b"; }), "bad_rollout");
    EXPECT_EQ(refused([](auto& p) { p.rings[1].most_failed_percent = 101; }), "bad_rollout");
}

}  // namespace
}  // namespace berth::firmware

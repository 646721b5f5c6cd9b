// Backups that were put back: no message is acted upon before a fresh challenge was answered (RFC 8613 appendix B.1.2).
#include "unit/messaging/pair.h"

namespace berth::test {
namespace {

using enum messaging::answer::status_of;

TEST_F(Pair, ARestoredGatewayAsksFirstAndTheMessageIsActedUponOnce) {
    const auto backup = gateway.store.now;
    const auto old = command();
    ASSERT_EQ(carry(old.token).size(), 1u);
    gateway.store.now = backup;
    ASSERT_TRUE(gateway.store.mark_all_lost());
    EXPECT_EQ(refusal(gateway, old.token), "challenged") << "and not acted upon";
    EXPECT_EQ(acted, 1);
    const auto fresh = command("close");
    const auto challenged = gateway.party.receive(fresh.token).value();
    ASSERT_EQ(challenged.outcome, "challenged");
    const auto back = manager.party.receive(challenged.send.at(0)).value();
    ASSERT_EQ(gateway.party.receive(back.send.at(0))->outcome, "resynced");
    EXPECT_EQ(refusal(gateway, back.send.at(0)), "stale_challenge");
    const auto again = manager.party.pending("tower-7")->messages;
    ASSERT_EQ(again.size(), 1u);
    EXPECT_NE(again[0].sequence, fresh.sequence);
    EXPECT_EQ(carry(again[0].token).at(0).result, wire::json::value("close"));
    EXPECT_EQ(acted, 2);
    for (const auto& token : {old.token, fresh.token}) {
        EXPECT_EQ(refusal(gateway, token), "repeated");
    }
    EXPECT_EQ(acted, 2);
}

TEST_F(Pair, AnOldAnswerToAChallengeOpensNothing) {
    const auto backup = gateway.store.now;
    ASSERT_TRUE(gateway.store.mark_all_lost());
    const auto first = manager.party.receive(gateway.party.receive(command().token)->send.at(0)).value();
    gateway.store.now = backup;
    ASSERT_TRUE(gateway.store.mark_all_lost());
    ASSERT_TRUE(gateway.party.resync("m-1"));
    EXPECT_EQ(refusal(gateway, first.send.at(0)), "stale_challenge");
    EXPECT_TRUE(at_gateway().lost);
}

TEST_F(Pair, ARepeatedChallengeChangesNothingThatWaits) {
    ASSERT_TRUE(gateway.store.mark_all_lost());
    const auto challenge = gateway.party.receive(command().token)->send.at(0);
    time.advance(1000);
    ASSERT_TRUE(manager.party.receive(challenge));
    const auto before = manager.party.pending("tower-7")->messages;
    ASSERT_EQ(refusal(manager, challenge), "challenged");
    const auto after = manager.party.pending("tower-7")->messages;
    ASSERT_EQ(after.size(), before.size());
    for (size_t i = 0; i < before.size(); ++i) {
        EXPECT_EQ(after[i].token, before[i].token);
    }
}

TEST_F(Pair, ARestoredManagerFindsOutAndGoesOn) {
    const auto backup = manager.store.now;
    for (int i = 0; i < 3; ++i) {
        ASSERT_EQ(carry(command().token).size(), 1u);
    }
    manager.store.now = backup;
    time.advance(5'000);
    const auto reused = command("close");
    const auto refused = gateway.party.receive(reused.token).value();
    EXPECT_EQ(refused.outcome, "refused");
    EXPECT_EQ(acted, 3);
    const auto question = manager.party.receive(refused.send.at(0)).value();
    ASSERT_EQ(question.send.size(), 1u);
    const auto numbers = gateway.party.receive(question.send[0]).value();
    ASSERT_EQ(manager.party.receive(numbers.send.at(0))->outcome, "resynced");
    const auto again = manager.party.pending("tower-7")->messages;
    ASSERT_EQ(again.size(), 1u);
    EXPECT_GT(again[0].sequence, 4u);
    EXPECT_EQ(carry(again[0].token).at(0).status, done);
    EXPECT_EQ(acted, 4);
}

TEST_F(Pair, WhatWasTriedBeforeTheOtherSideLostItsNumbersIsUnknown) {
    const auto first = command();
    ASSERT_TRUE(gateway.party.receive(first.token));  // its answer never comes
    ASSERT_EQ(manager.party.pending("tower-7")->messages.size(), 1u);
    ASSERT_TRUE(gateway.store.mark_all_lost());
    const auto challenge = gateway.party.receive(command("close").token)->send.at(0);
    time.advance(1000);
    const auto got = manager.party.receive(challenge).value();
    ASSERT_EQ(got.answers.size(), 1u);
    EXPECT_EQ(got.answers[0].request, first.sequence);
    EXPECT_EQ(got.answers[0].status, unknown);
}

}  // namespace
}  // namespace berth::test

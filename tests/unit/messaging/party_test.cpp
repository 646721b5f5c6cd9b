// Messages between two who know each other: requests, answers, repetitions, keys that change, ends.
#include "unit/messaging/pair.h"

namespace berth::test {
namespace {

using messaging::answer;
using messaging::sealing;
using enum messaging::answer::status_of;

class Messages : public Pair, public testing::WithParamInterface<sealing> {};
INSTANTIATE_TEST_SUITE_P(Sealing, Messages, testing::Values(sealing::nested, sealing::session),
                         [](const auto& each) { return each.param == sealing::nested ? "Nested" : "Session"; });

TEST_P(Messages, AreActedUponAndAnswered) {
    const auto answers = carry(command("open", GetParam()).token);
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].status, done);
    EXPECT_EQ(answers[0].result, wire::json::value("open"));
    EXPECT_EQ(acted, 1);
    EXPECT_TRUE(manager.store.now.outbox.empty());
}

TEST_P(Messages, RefusalsSayWhy) {
    auto answers = carry(command(wire::json::object{}, GetParam()).token);
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].error, "valve_stuck");
    answers = carry(manager.party.send("tower-7", "firmware-refresh", {}, {GetParam(), 0})->token);
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].error, "unknown_kind");  // default deny
}

TEST_P(Messages, RepeatedAreAnsweredWithTheSameAndNotActedUponAgain) {
    const auto token = command("open", GetParam()).token;
    const auto first = gateway.party.receive(token).value(), second = gateway.party.receive(token).value();
    EXPECT_EQ(first.outcome, "acted");
    EXPECT_EQ(second.outcome, "repeated");
    EXPECT_EQ(first.send, second.send);
    EXPECT_EQ(acted, 1);
    EXPECT_EQ(manager.party.receive(first.send.at(0))->answers.size(), 1u);
    EXPECT_EQ(manager.party.receive(second.send.at(0))->outcome, "stale_answer");
}

TEST_P(Messages, ComeInAnyOrder) {
    std::vector<std::string> tokens;
    for (size_t i = 0; i < messaging::most_queued; ++i) {
        tokens.push_back(command("open", GetParam()).token);
    }
    EXPECT_EQ(manager.party.send("tower-7", "command", {}).error().name, "outbox_full");
    for (size_t i = tokens.size(); i-- > 0;) {
        EXPECT_EQ(refusal(gateway, tokens[i]), "acted");
    }
    EXPECT_EQ(acted, static_cast<int>(tokens.size()));
}

TEST_F(Pair, TheGatewayMaySpeakFirst) {
    const auto token = gateway.party.send("m-1", "alarm", "smoke")->token;
    const auto got = manager.party.receive(token).value();
    EXPECT_EQ(alarms, 1);
    EXPECT_EQ(gateway.party.receive(got.send.at(0))->answers.at(0).status, done);
}

TEST_F(Pair, WhatCrashedBetweenNotingAndActingIsSaidToBeUnknown) {
    const auto token = command().token;
    memory_peers::contents noted;
    gateway.store.committed = [&] {
        noted = gateway.store.now;
        gateway.store.committed = {};
    };
    ASSERT_TRUE(gateway.party.receive(token));
    gateway.store.now = noted;  // the process ended there
    EXPECT_EQ(at_gateway().in.judge(2), messaging::replay_window::verdict::repeated) << "noted before it was acted upon";
    acted = 0;
    const auto answers = carry(token);
    EXPECT_EQ(acted, 0);
    ASSERT_FALSE(answers.empty());
    EXPECT_EQ(answers[0].status, unknown);
}

TEST_F(Pair, WhatMayBeDoneTwiceIsDoneAfterACrash) {
    const auto token = manager.party.send("tower-7", "data", 17)->token;
    memory_peers::contents noted;
    gateway.store.committed = [&] {
        noted = gateway.store.now;
        gateway.store.committed = {};
    };
    ASSERT_TRUE(gateway.party.receive(token));
    gateway.store.now = noted;
    const auto answers = carry(token);
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].status, done);
    EXPECT_EQ(kept.size(), 1u);
}

TEST_F(Pair, WhatWaitsExpires) {
    const auto sent = command();
    time.advance(3'601'000);
    EXPECT_EQ(manager.party.pending("tower-7")->expired, std::vector<uint64_t>{sent.sequence});
    time.advance(200'000);
    EXPECT_EQ(refusal(gateway, sent.token), "token_expired");
}

TEST_F(Pair, KeysChangeAndWhatIsUnderWayIsStillRead) {
    const auto before = command("open", sealing::session), nested_before = command();
    const auto rekey = manager.party.rekey("tower-7").value();
    EXPECT_EQ(manager.party.rekey("tower-7")->token, rekey.token) << "one at a time";
    const auto first = gateway.party.receive(rekey.token).value();
    const auto again = gateway.party.receive(rekey.token).value();
    EXPECT_EQ(first.send, again.send);
    const auto own = at_manager().own.kid;
    ASSERT_EQ(manager.party.receive(first.send.at(0))->outcome, "answered");
    EXPECT_NE(at_manager().own.kid, own);
    EXPECT_EQ(at_manager().epoch, 2u);
    EXPECT_EQ(at_gateway().epoch, 2u);
    EXPECT_EQ(at_manager().session.id, at_gateway().session.id);
    for (const auto& token : {before.token, nested_before.token, command("open", sealing::session).token, command().token}) {
        EXPECT_EQ(carry(token).size(), 1u);
    }
    EXPECT_EQ(acted, 4);
    const auto late = command("open", sealing::session).token;
    ASSERT_EQ(carry(manager.party.rekey("tower-7")->token).size(), 1u);
    ASSERT_EQ(carry(manager.party.rekey("tower-7")->token).size(), 1u);
    EXPECT_EQ(refusal(gateway, late), "unknown_key") << "two changes later";
}

TEST_F(Pair, TheSignatureKeyChangesToo) {
    const auto fresh =
        jose::read_signing_key(
            jose::generate_jwk("ML-DSA-44", jose::content_alg::a256gcm, crypto::agreement_group::p256, manager.random).value())
            .value();
    messaging::party renewed(manager.store, {{&fresh, &manager.key}}, manager.handlers, time, manager.random);
    const auto old = renewed.send("tower-7", "command", "open")->token;
    const auto answer = gateway.party.receive(renewed.rekey("tower-7")->token).value();
    ASSERT_EQ(renewed.receive(answer.send.at(0))->outcome, "answered");
    EXPECT_EQ(at_manager().own_signature, fresh.pub.kid);
    EXPECT_EQ(refusal(gateway, old), "acted");
    messaging::party without(manager.store, {{&fresh}}, manager.handlers, time, manager.random);
    EXPECT_EQ(refusal(gateway, without.send("tower-7", "command", "open")->token), "acted");
    time.advance((messaging::most_message_life + 200) * 1000);
    at_manager().own_signature = manager.key.pub.kid;
    EXPECT_EQ(refusal(gateway, manager.party.send("tower-7", "command", "open")->token), "unknown_sender");
}

TEST_F(Pair, DeregistrationEndsBothAndItsAnswerMayBeAskedForAgain) {
    const auto waiting = command(), end = manager.party.deregister("tower-7", "sold").value();
    const auto first = gateway.party.receive(end.token).value(), again = gateway.party.receive(end.token).value();
    EXPECT_EQ(first.send, again.send);
    EXPECT_EQ(at_gateway().state, messaging::peer_state::ended);
    EXPECT_EQ(at_gateway().reason, "sold");
    EXPECT_TRUE(at_gateway().own.jwk.empty() && at_gateway().session.send.empty() && at_gateway().signature_key.empty());
    EXPECT_EQ(refusal(gateway, waiting.token), "deregistered");
    ASSERT_EQ(manager.party.receive(first.send.at(0))->outcome, "answered");
    EXPECT_EQ(manager.party.send("tower-7", "command", {}).error().name, "not_registered");
    EXPECT_EQ(register_with(manager, gateway, time, desk), "") << "and begins anew";
    EXPECT_EQ(carry(command().token).size(), 1u);
    EXPECT_EQ(refusal(gateway, waiting.token), "unknown_key") << "of the registration before";
}

TEST_F(Pair, EitherSideRevokesAlone) {
    const auto waiting = command();
    ASSERT_TRUE(gateway.party.revoke("m-1", "lost"));
    EXPECT_EQ(refusal(gateway, waiting.token), "revoked");
    EXPECT_EQ(gateway.party.send("m-1", "alarm", {}).error().name, "not_registered");
    ASSERT_EQ(register_with(manager, gateway, time, desk), "");
    const auto alarm = gateway.party.send("m-1", "alarm", {})->token;
    ASSERT_TRUE(manager.party.revoke("tower-7", "lost"));
    EXPECT_EQ(refusal(manager, alarm), "revoked");
}

TEST_F(Pair, ASmallMessageIsSmall) {
    const auto token = command(wire::json::value(std::string(1024, 'x').c_str()), sealing::session).token;
    EXPECT_LE(token.size(), 1'700u);
    RecordProperty("octets", static_cast<int>(token.size()));
}

}  // namespace
}  // namespace berth::test

// What must not be taken: research section 5, numbers 4, 14 and 18, and what belongs to somebody else.
#include "unit/messaging/pair.h"
#include "wire/base64.h"

namespace berth::test {
namespace {

using messaging::message;
using messaging::sealing;

class Refusals : public Pair {
protected:
    // A message as the manager would send it, but for what `change` does.
    std::string forged(const std::function<void(jose::claims&)>& change, std::string_view type = "berth-command+jwt") {
        const auto& r = at_manager();
        jose::claims c{r.own_id, r.id, time.now(), time.now() + 600, {}, jose::new_token_id(manager.random), 9, {}};
        c.body = {{"kind", "command"}, {"body", "open"}};
        change(c);
        return jose::seal_nested(jose::read_recipient_key(r.encryption_key).value(), manager.key, type, c, manager.random)
            .value();
    }
    void expect_refused(std::string_view token, std::string_view name) {
        EXPECT_EQ(refusal(gateway, token), name);
        EXPECT_EQ(acted, 0);
        EXPECT_EQ(at_gateway().in.highest, 1u) << "nothing has happened";
    }
};

TEST_F(Refusals, TheForgeryWithoutAChangeIsTaken) {
    EXPECT_EQ(refusal(gateway, forged([](auto&) {})), "acted");
}

TEST_F(Refusals, NotSealedOrNotSigned) {
    const auto& r = at_manager();
    const jose::claims c{r.own_id, r.id, time.now(), time.now() + 600, {}, "0123456789abcdef", 9, {{"kind", "command"}}};
    expect_refused(jose::sign_claims(manager.key, "berth-command+jwt", c).value(), "not_sealed");
    const auto to = jose::read_recipient_key(r.encryption_key).value();
    const bytes info = concat(
        {as_bytes("Berth nested 1"), std::array<uint8_t, 1>{0}, as_bytes("m-1"), std::array<uint8_t, 1>{0}, as_bytes("tower-7")});
    const wire::json::object head{{"cty", "JWT"}, {"iss", "m-1"}, {"aud", "tower-7"}};
    expect_refused(jose::seal(to, as_bytes(jose::to_text(c)), head, info, manager.random).value(), "not_nested");
    const auto twice = jose::seal(to, as_bytes(command().token), head, info, manager.random).value();
    expect_refused(twice, "not_nested");
    expect_refused("", "malformed");
    expect_refused("a.b.c.d.e.f", "malformed");
    expect_refused(std::string(jose::most_token + 1, 'a'), "malformed");
}

TEST_F(Refusals, ClaimsThatAreNotWhatTheyMustBe) {
    expect_refused(forged([&](auto& c) { c.expires_at = time.now() - 200, c.issued_at = time.now() - 900; }), "token_expired");
    expect_refused(forged([&](auto& c) {
                       c.issued_at = time.now() + 500;
                       c.expires_at = time.now() + 900;
                   }),
                   "token_not_yet_valid");
    expect_refused(forged([&](auto& c) { c.expires_at = time.now() + 90'000; }), "token_lives_too_long");
    expect_refused(forged([](auto& c) { c.audience = "tower-8"; }), "wrong_audience");
    expect_refused(forged([](auto& c) { c.issuer = "m-2"; }), "unknown_sender");
    expect_refused(forged([](auto& c) { c.sequence.reset(); }), "bad_claims");
    expect_refused(forged([](auto& c) { c.sequence = 0; }), "bad_claims");
    expect_refused(forged([](auto& c) { c.body["kind"] = "data"; }), "wrong_type");
    expect_refused(forged([](auto& c) { c.body["kind"] = 7; }), "bad_claims");
    expect_refused(forged([](auto& c) { c.body["kind"] = "../etc"; }), "bad_claims");
    expect_refused(forged([](auto& c) { c.body.erase("kind"); }), "bad_claims");
    expect_refused(forged([](auto& c) {
                       c.body["re"] = 1;
                       c.body["rid"] = "x";
                   }),
                   "bad_claims");
    expect_refused(forged([](auto&) {}, "berth-answer+jwt"), "wrong_type");
}

TEST_F(Refusals, ForAnotherGatewayFromAnotherDeviceOrReflected) {
    message_side other("other gateway", time), stranger("stranger", time);
    messaging::registration_desk others{other.store, {{&other.key}}, time, other.random};
    ASSERT_EQ(register_with(stranger, other, time, others, "m-2", "tower-8", "bob"), "");
    for (const auto by : {sealing::nested, sealing::session}) {
        const auto token = manager.party.send("tower-7", "command", "open", {by, 0})->token;
        EXPECT_EQ(refusal(other, token), "unknown_key");
        EXPECT_EQ(refusal(manager, token), by == sealing::nested ? "unknown_key" : "decryption_failed") << "reflected";
        const auto theirs = stranger.party.send("tower-8", "command", "open", {by, 0})->token;
        EXPECT_EQ(refusal(gateway, theirs), "unknown_key");
    }
    // Two managers of one gateway: the second one's message, sealed for the first one's key.
    ASSERT_EQ(register_with(stranger, gateway, time, desk, "m-3", "tower-7", "bob"), "");
    auto crossed = stranger.store.now.peers.at("tower-7");
    crossed.encryption_key = at_manager().encryption_key;
    const message m{"command", 9, "0123456789abcdef", time.now(), time.now() + 60, {}, {}, "open"};
    expect_refused(messaging::seal_message(crossed, {{&stranger.key}}, sealing::nested, m, stranger.random).value(),
                   "unknown_sender");
    crossed.own_id = "m-1";
    expect_refused(messaging::seal_message(crossed, {{&stranger.key}}, sealing::nested, m, stranger.random).value(),
                   "unknown_sender");
}

TEST_F(Refusals, ReplayedAfterARestart) {
    const auto token = command().token;
    ASSERT_EQ(refusal(gateway, token), "acted");
    messaging::party restarted(gateway.store, {{&gateway.key}}, gateway.handlers, time, gateway.random);
    EXPECT_EQ(restarted.receive(token)->outcome, "repeated");
    EXPECT_EQ(acted, 1);
}

TEST_F(Refusals, AnOldNumberOrOneThatWasUsedIsNotActedUpon) {
    const auto first = command();
    for (int i = 0; i < 70; ++i) {
        ASSERT_EQ(carry(command().token).size(), 1u) << i;
    }
    EXPECT_EQ(refusal(gateway, first.token), "repeated");
    EXPECT_EQ(acted, 70);
    EXPECT_EQ(refusal(gateway, forged([](auto& c) { c.sequence = 60; })), "refused");
    EXPECT_EQ(refusal(gateway, forged([](auto& c) { c.sequence = uint64_t{1} << 53; })), "repeated");
    EXPECT_EQ(acted, 70);
    EXPECT_LE(gateway.store.now.taken.size(), 64u);
}

TEST_F(Refusals, ASessionDoesNotChangeKeys) {
    for (const char* kind : {"rekey", "deregister", "resync", "resync-answer"}) {
        const message m{kind, 9, "0123456789abcdef", time.now(), time.now() + 60, {}, {}, wire::json::object{}};
        auto token = messaging::seal_message(at_manager(), {{&manager.key}}, sealing::session, m, manager.random);
        ASSERT_TRUE(token) << token.error().message;
        expect_refused(*token, "needs_signature");
    }
}

TEST_F(Refusals, KeysThatHaveExpired) {
    time.set(at_gateway().expires_at);
    expect_refused(forged([](auto&) {}), "keys_expired");
    EXPECT_EQ(manager.party.send("tower-7", "command", {}).error().name, "keys_expired");
}

TEST_F(Refusals, BadKeysInARekeyAreRefusedAndNothingChanges) {
    const auto before = at_gateway().encryption_key;
    for (const wire::json::value& body :
         {wire::json::value("x"), wire::json::value(wire::json::object{}), wire::json::value(wire::json::object{{"enc", before}}),
          wire::json::value(wire::json::object{{"enc", before}, {"secret", "short"}}),
          wire::json::value(wire::json::object{{"enc", wire::json::object{{"kty", "oct"}}}})}) {
        const auto answers = carry(manager.party.send("tower-7", "rekey", body)->token);
        ASSERT_EQ(answers.size(), 1u);
        EXPECT_EQ(answers[0].status, messaging::answer::status_of::refused);
    }
    EXPECT_EQ(at_gateway().encryption_key, before);
    EXPECT_EQ(at_gateway().epoch, 1u);
}

}  // namespace
}  // namespace berth::test

// A server that verifies the elements of many devices: its challenges, and what it says to whom.
#include "attestation/element_verifier.h"
#include "support/stsafe_identity.h"

#include <gtest/gtest.h>

namespace berth::attestation {

namespace {

using test::name_of_error;
using test::value_of;

class ElementVerifier : public testing::Test {
protected:
    element_verifier make(const element_verifier_limits& limits = {}) {
        return value_of(element_verifier::make("cloud.example", time, random, limits));
    }
    element_answer answer_to(const element_invitation& invitation, const crypto::signing_key& by) const {
        return {
            invitation.challenge, {certificate}, value_of(by.sign(element_message(invitation.audience, invitation.challenge)))};
    }
    element_answer right_answer(const element_invitation& invitation) const { return answer_to(invitation, key); }

    manual_clock time{test::test_now};
    test::named_random random{"verifier"};
    test::authority maker = test::make_chip_maker("maker");
    pki::trust_store makers = value_of(pki::trust_store::from_root(maker.certificate));
    crypto::signing_key key = test::signature_key("chip");
    pki::certificate certificate = test::certificate_for(maker, "chip 1", key.public_key().spki());
};

TEST_F(ElementVerifier, AnAnswerCountsOnce) {
    auto v = make();
    const auto invitation = value_of(v.invite("a"));
    EXPECT_EQ(invitation.audience, "cloud.example");
    EXPECT_EQ(invitation.seconds, 60);
    const auto answer = right_answer(invitation);
    const auto element = value_of(v.judge("a", makers, answer));
    EXPECT_EQ(describe(element).at("subject").as_string(), certificate.subject());
    EXPECT_EQ(describe(element).at("fingerprint").as_string(), to_hex(certificate.sha256()));
    EXPECT_EQ(name_of_error(v.judge("a", makers, answer)), "unknown_challenge") << "a replay";
    EXPECT_EQ(name_of_error(v.judge("b", makers, answer)), "unknown_challenge") << "by somebody else";
    EXPECT_EQ(v.remembered(), 1U);
    time.advance(59'999);
    EXPECT_EQ(name_of_error(v.judge("a", makers, answer)), "unknown_challenge") << "until its time is over";
    time.advance(1);
    EXPECT_EQ(name_of_error(v.judge("a", makers, answer)), "unknown_challenge") << "and then";
    EXPECT_EQ(v.remembered(), 0U);
}

TEST_F(ElementVerifier, WhereAListIsDemandedItsMakerHasOne) {
    auto v = make();
    const auto asked = [&](const pki::trust_store& by) {
        return name_of_error(v.judge("a", by, right_answer(value_of(v.invite("a"))), pki::crl_policy::always));
    };
    EXPECT_EQ(asked(makers), "crl_missing");
    const auto list = value_of(pki::issue_crl({1, test::test_now - 60, test::test_now + 60, {}}, maker.certificate, maker.key));
    EXPECT_EQ(asked(value_of(pki::trust_store::build({{maker.certificate}, {}, {list}}))), "accepted");
}

TEST_F(ElementVerifier, AWrongAnswerUsesItsChallengeUp) {
    auto v = make();
    const auto invitation = value_of(v.invite("a"));
    EXPECT_EQ(name_of_error(v.judge("a", makers, answer_to(invitation, test::signature_key("clone")))),
              "element_signature_invalid");
    EXPECT_EQ(name_of_error(v.judge("a", makers, right_answer(invitation))), "unknown_challenge");
    const auto other = value_of(v.invite("a"));
    auto by_stranger = right_answer(other);
    by_stranger.chain = {test::certificate_for(test::make_chip_maker("stranger"), "chip 1", key.public_key().spki())};
    EXPECT_EQ(name_of_error(v.judge("a", makers, by_stranger)), "unknown_issuer");
    EXPECT_EQ(name_of_error(v.judge("a", makers, right_answer(other))), "unknown_challenge");
}

TEST_F(ElementVerifier, AChallengeThatNobodyMadeIsNone) {
    auto v = make();
    auto elsewhere = make();
    const auto invitation = value_of(v.invite("a"));
    for (const size_t octet : {0U, 7U, 8U, 15U, 16U, 31U}) {  // its time, what is random, and the HMAC over both
        element_invitation invented = invitation;
        invented.challenge[octet] ^= 1;
        EXPECT_EQ(name_of_error(v.judge("a", makers, right_answer(invented))), "unknown_challenge") << octet;
    }
    element_invitation cut = invitation;
    cut.challenge.pop_back();
    EXPECT_EQ(name_of_error(v.judge("a", makers, right_answer(cut))), "unknown_challenge");
    EXPECT_EQ(name_of_error(elsewhere.judge("a", makers, right_answer(invitation))), "unknown_challenge");
    EXPECT_EQ(v.remembered(), 0U);
    EXPECT_TRUE(v.judge("a", makers, right_answer(invitation))) << "and the right one still counts";
    EXPECT_NE(value_of(v.invite("a")).challenge, value_of(v.invite("a")).challenge);
}

TEST_F(ElementVerifier, ChallengesEnd) {
    auto v = make({.lifetime = 10'000});
    const auto first = value_of(v.invite("a"));
    time.advance(5'000);
    const auto second = value_of(v.invite("a"));
    time.advance(5'000);
    EXPECT_EQ(name_of_error(v.judge("a", makers, right_answer(first))), "unknown_challenge");
    EXPECT_TRUE(v.judge("a", makers, right_answer(second)));
}

// One home's IPv6 prefix has hundreds of /64s, and each may ask as often as it likes.
TEST_F(ElementVerifier, AskingTakesNoRoomFromAnybody) {
    auto v = make();
    const auto first = value_of(v.invite("an honest device"));
    for (int client = 0; client < 1000; ++client) {
        for (int i = 0; i < 100; ++i) {
            ASSERT_TRUE(v.invite("home " + std::to_string(client)));
        }
    }
    EXPECT_EQ(v.remembered(), 0U);
    EXPECT_TRUE(v.judge("an honest device", makers, right_answer(first)));
    EXPECT_TRUE(v.judge("another", makers, right_answer(value_of(v.invite("another")))));
}

TEST_F(ElementVerifier, WhatIsAnsweredIsRememberedAndThatHasALimit) {
    auto v = make({.lifetime = 10'000, .most_answered = 3});
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(v.judge("a", makers, right_answer(value_of(v.invite("a")))));
        time.advance(1'000);
    }
    const auto next = value_of(v.invite("b"));
    EXPECT_EQ(name_of_error(v.judge("b", makers, right_answer(next))), "too_many_requests");
    EXPECT_EQ(v.remembered(), 3U);
    time.advance(7'000);
    EXPECT_TRUE(v.judge("b", makers, right_answer(next))) << "the first one's time is over, and this was not used up";
    EXPECT_EQ(v.remembered(), 3U);
    // Who was wrong is remembered for a while too, and not more of them than that.
    auto few = make({.most_failures_of_one = 1, .most_accounts = 1});
    const auto wrong = [&](const std::string& client) {
        return name_of_error(few.judge(client, makers, answer_to(value_of(few.invite("x")), test::signature_key("clone"))));
    };
    EXPECT_EQ(wrong("a"), "element_signature_invalid");
    EXPECT_EQ(wrong("b"), "element_signature_invalid");
    EXPECT_EQ(wrong("a"), "too_many_requests");
    EXPECT_EQ(wrong("b"), "element_signature_invalid");
}

TEST_F(ElementVerifier, WhoIsWrongTooOftenWaits) {
    auto v = make({.most_failures_of_one = 3, .failures_during = 20'000});
    for (int i = 0; i < 3; ++i) {
        const auto invitation = value_of(v.invite("a"));
        EXPECT_EQ(name_of_error(v.judge("a", makers, answer_to(invitation, test::signature_key("clone")))),
                  "element_signature_invalid");
    }
    EXPECT_EQ(name_of_error(v.invite("a")), "too_many_requests");
    const auto of_other = value_of(v.invite("b"));
    EXPECT_EQ(name_of_error(v.judge("a", makers, right_answer(of_other))), "too_many_requests");
    EXPECT_TRUE(v.judge("b", makers, right_answer(of_other))) << "others do not";
    time.advance(20'000);
    const auto again = value_of(v.invite("a"));
    EXPECT_TRUE(v.judge("a", makers, right_answer(again)));
}

TEST_F(ElementVerifier, MessagesAreReadAsTheyWereWritten) {
    auto v = make();
    const auto invitation = value_of(v.invite("a"));
    const auto read = value_of(read_invitation(wire::to_text(to_json(invitation))));
    EXPECT_EQ(read.challenge, invitation.challenge);
    EXPECT_EQ(read.audience, invitation.audience);
    const auto answer = right_answer(invitation);
    const std::string text = wire::to_text(to_json(answer));
    const auto again = value_of(read_answer(text));
    EXPECT_TRUE(v.judge("a", makers, again));

    const auto refused = [&](const std::string& from, const std::string& to, std::string_view name) {
        std::string changed = text;
        const size_t at = changed.find(from);
        ASSERT_NE(at, std::string::npos) << from;
        changed.replace(at, from.size(), to);
        EXPECT_EQ(name_of_error(read_answer(changed)), name) << from << " -> " << to;
    };
    refused("\"signature\"", "\"sign\"", "bad_json");
    refused("\"certificates\":[", "\"certificates\":[1,", "malformed");
    refused("\"certificates\":[", "\"certificates\":[\"\",", "bad_certificate");
    refused("\"certificates\":[", "\"certificates\":[\"!\",", "bad_base64");
    refused("{\"challenge\"", "{\"more\":1,\"challenge\"", "malformed");
    refused("\"challenge\":\"", "\"challenge\":\"AAAA", "malformed");
    EXPECT_EQ(name_of_error(read_answer("{}")), "bad_json");
    EXPECT_EQ(name_of_error(read_answer("")), "bad_json");
    EXPECT_EQ(name_of_error(read_answer(std::string(most_answer_octets + 1, ' '))), "too_large");
    EXPECT_EQ(name_of_error(read_invitation(R"({"challenge":"AAAA","audience":"x","seconds":1})")), "malformed");
    auto crowded = answer;
    crowded.chain.resize(most_answer_certificates + 1, certificate);
    EXPECT_EQ(name_of_error(read_answer(wire::to_text(to_json(crowded)))), "malformed");
}

}  // namespace

}  // namespace berth::attestation

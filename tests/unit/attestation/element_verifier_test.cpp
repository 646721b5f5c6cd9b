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
    EXPECT_EQ(v.open(), 0U);
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
    EXPECT_EQ(v.open(), 0U);
}

TEST_F(ElementVerifier, AChallengeThatNobodyMadeIsNone) {
    auto v = make();
    auto elsewhere = make();
    const auto invitation = value_of(v.invite("a"));
    element_invitation invented = invitation;
    invented.challenge[0] ^= 1;
    EXPECT_EQ(name_of_error(v.judge("a", makers, right_answer(invented))), "unknown_challenge");
    EXPECT_EQ(name_of_error(elsewhere.judge("a", makers, right_answer(invitation))), "unknown_challenge");
    EXPECT_EQ(v.open(), 1U);
    EXPECT_TRUE(v.judge("a", makers, right_answer(invitation))) << "and the right one still counts";
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

TEST_F(ElementVerifier, NobodyTakesAllTheRoomThereIs) {
    auto v = make({.lifetime = 10'000, .most_open = 5, .most_open_of_one = 3});
    const auto first = value_of(v.invite("a"));
    for (int i = 0; i < 2; ++i) {
        ASSERT_TRUE(v.invite("a"));
    }
    EXPECT_EQ(name_of_error(v.invite("a")), "too_many_requests");
    ASSERT_TRUE(v.invite("b"));
    ASSERT_TRUE(v.judge("a", makers, right_answer(first)));
    ASSERT_TRUE(v.invite("a")) << "one was answered";
    ASSERT_TRUE(v.invite("b"));
    EXPECT_EQ(v.open(), 5U);
    EXPECT_EQ(name_of_error(v.invite("c")), "too_many_requests") << "no room for anybody";
    EXPECT_EQ(v.open(), 5U);
    time.advance(10'000);
    EXPECT_TRUE(v.invite("a"));
    EXPECT_EQ(v.open(), 1U) << "the old ones are forgotten";
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

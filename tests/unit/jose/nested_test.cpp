#include "jose_keys.h"

#include "jose/nested.h"

namespace berth::jose {
namespace {

using test::name_of;
using test::new_opener;
using test::new_signer;

constexpr unix_seconds now = 1'800'000'000;
constexpr std::string_view type = "report+jwt";

claims from_to(std::string issuer, std::string audience) {
    return {std::move(issuer), std::move(audience), now, now + 300, std::nullopt, "0123456789abcdef", 7, {{"kwh", 3}}};
}

struct nested : testing::Test {
    signing_key meter = new_signer("ES256", "meter");
    opening_key gateway = new_opener("HPKE-9", "gateway");
    test::named_random random{"nested"};
    token_rules rules{type, "", "gateway-1", now};

    find_verification_key known() {
        return [this](std::string_view issuer, std::string_view kid) {
            return issuer == "meter-1" && kid == meter.pub.kid ? &meter.pub : nullptr;
        };
    }
    std::string got(std::string_view token) { return name_of(open_nested(gateway, token, known(), rules)); }
};

TEST_F(nested, EachPairOfAlgorithms) {
    for (const auto alg : all_key_algs) {
        gateway = new_opener(jose::name_of(alg));
        for (const auto signature : all_signature_algs) {
            meter = new_signer(jose::name_of(signature));
            const auto token = seal_nested(gateway.pub, meter, type, from_to("meter-1", "gateway-1"), random);
            ASSERT_TRUE(token);
            const auto message = open_nested(gateway, *token, known(), rules);
            ASSERT_TRUE(message) << message.error().message;
            EXPECT_EQ(message->said().body, (wire::json::object{{"kwh", 3}}));
            EXPECT_EQ(message->signer(), meter.pub.kid);
            EXPECT_EQ(message->recipient(), gateway.pub.kid);
        }
    }
}

TEST_F(nested, BothLayersAreNeeded) {
    const auto c = from_to("meter-1", "gateway-1");
    const std::string inner = sign_claims(meter, type, c).value();
    EXPECT_EQ(got(inner), "not_nested") << "a bare signature";
    // What open_nested() expects beside the signature, so that nothing else is what is refused.
    const bytes info = concat({as_bytes("Berth nested 1"), bytes(1), as_bytes("meter-1"), bytes(1), as_bytes("gateway-1")});
    const auto sealed = [&](std::string_view what, const wire::json::object& head) {
        return seal(gateway.pub, as_bytes(what), head, info, random).value();
    };
    const wire::json::object right{{"cty", "JWT"}, {"iss", "meter-1"}, {"aud", "gateway-1"}};
    EXPECT_EQ(got(sealed(inner, right)), "accepted");
    EXPECT_EQ(got(sealed(to_text(c), right)), "not_nested") << "claims that nobody signed";
    EXPECT_EQ(got(sealed(sealed(inner, right), right)), "not_nested") << "sealed twice";
    EXPECT_EQ(got(sealed(inner, {{"iss", "meter-1"}, {"aud", "gateway-1"}})), "not_nested") << "no cty";
    EXPECT_EQ(got(sealed(inner, {{"cty", "text"}, {"iss", "meter-1"}, {"aud", "gateway-1"}})), "not_nested");
    EXPECT_EQ(got(sealed(inner, {{"cty", "JWT"}, {"iss", "meter-2"}, {"aud", "gateway-1"}})), "decryption_failed");
    EXPECT_EQ(got(sealed(inner, {{"cty", "JWT"}})), "decryption_failed");
}

TEST_F(nested, WhatWasSentToOneIsNotForAnother) {
    // The gateway opens what it was sent, and seals the signed part once more for somebody else.
    const auto other = new_opener("HPKE-9", "other");
    const std::string inner = sign_claims(meter, type, from_to("meter-1", "gateway-1")).value();
    const auto with = [&](std::string_view audience) {
        const bytes info = concat({as_bytes("Berth nested 1"), bytes(1), as_bytes("meter-1"), bytes(1), as_bytes(audience)});
        return seal(other.pub, as_bytes(inner), {{"cty", "JWT"}, {"iss", "meter-1"}, {"aud", audience}}, info, random).value();
    };
    rules.audience = "other-1";
    EXPECT_EQ(name_of(open_nested(other, with("gateway-1"), known(), rules)), "wrong_audience");
    EXPECT_EQ(name_of(open_nested(other, with("other-1"), known(), rules)), "layers_differ");
}

TEST_F(nested, TheSenderIsKnown) {
    const auto token = [&](const signing_key& by, std::string issuer) {
        return seal_nested(gateway.pub, by, type, from_to(std::move(issuer), "gateway-1"), random).value();
    };
    EXPECT_EQ(got(token(meter, "meter-1")), "accepted");
    EXPECT_EQ(got(token(meter, "meter-2")), "unknown_sender");
    EXPECT_EQ(got(token(new_signer("ES256", "thief"), "meter-1")), "unknown_sender");
    rules.issuer = "meter-9";
    EXPECT_EQ(got(token(meter, "meter-1")), "wrong_issuer");
    rules.issuer = "";
    rules.type = "command+jwt";
    EXPECT_EQ(got(token(meter, "meter-1")), "wrong_type") << "a report is no command";
}

}  // namespace
}  // namespace berth::jose

#include "jose_keys.h"

#include "jose/claims.h"

namespace berth::jose {
namespace {

using test::name_of;

constexpr unix_seconds now = 1'800'000'000;

claims good() {
    return {"meter-1", "gateway-1", now, now + 300, std::nullopt, "0123456789abcdef", 7, {{"kwh", 3}}};
}

TEST(JoseClaims, AreReadAsTheyWereWritten) {
    const auto back = read_claims(as_bytes(to_text(good())));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(to_text(*back), to_text(good()));
    EXPECT_EQ(back->body, (wire::json::object{{"kwh", 3}}));
}

TEST(JoseClaims, OfTheWrongKindOrMissing) {
    const auto with = [](std::string_view name, std::string_view value) {
        std::string text = "{";
        for (const auto& [own, right] : std::vector<std::pair<std::string, std::string>>{
                 {"iss", "\"a\""}, {"aud", "\"b\""}, {"iat", "1"}, {"exp", "2"}, {"jti", "\"0123456789abcdef\""}}) {
            if (own != name) {
                text += "\"" + own + "\":" + right + ",";
            } else if (!value.empty()) {
                text += "\"" + own + "\":" + std::string(value) + ",";
            }
        }
        if (name == "seq" || name == "nbf") {
            text += "\"" + std::string(name) + "\":" + std::string(value) + ",";
        }
        return text + "\"x\":1}";
    };
    EXPECT_TRUE(read_claims(as_bytes(with("", ""))));
    // CVE-2020-26160: a list of audiences, an empty one; numbers that saturate or are none.
    for (const auto* const bad : {"", "[\"b\"]", "[]", "{}", "1", "null", "\"\"", "true"}) {
        EXPECT_EQ(name_of(read_claims(as_bytes(with("aud", bad)))), "bad_claims") << bad;
        EXPECT_EQ(name_of(read_claims(as_bytes(with("iss", bad)))), "bad_claims") << bad;
        EXPECT_EQ(name_of(read_claims(as_bytes(with("jti", bad)))), "bad_claims") << bad;
    }
    for (const auto* const name : {"exp", "iat", "nbf", "seq"}) {
        for (const auto* const bad :
             {"-1", "1.5", "\"2\"", "9007199254740993", "9223372036854775807", "18446744073709551615", "1e3", "null", "[2]"}) {
            EXPECT_EQ(name_of(read_claims(as_bytes(with(name, bad)))), "bad_claims") << name << " " << bad;
        }
        EXPECT_THAT(name_of(read_claims(as_bytes(with(name, "1e400")))), testing::AnyOf("bad_claims", "malformed"));
    }
    for (const auto* const bad :
         {"", "[]", "null", "{\"iss\":\"a\",\"iss\":\"b\"}", "{} {}", "\xef\xbb\xbf{}", "{\"iss\":\"\\u0000\xff\"}"}) {
        EXPECT_THAT(name_of(read_claims(as_bytes(bad))), testing::AnyOf("bad_claims", "malformed")) << bad;
    }
}

TEST(JoseClaims, AreJudged) {
    const header head{{}, "ES256", "", "", "report+jwt", ""};
    const token_rules rules{"report+jwt", "meter-1", "gateway-1", now};
    EXPECT_TRUE(check(head, good(), rules));
    const auto refused = [&](auto change, token_rules by) {
        claims c = good();
        change(c);
        return name_of(check(head, c, by));
    };
    const auto same = [](claims&) {};
    auto other = rules;
    other.type = "command+jwt";
    EXPECT_EQ(refused(same, other), "wrong_type");
    other = rules;
    other.issuer = "meter-2";
    EXPECT_EQ(refused(same, other), "wrong_issuer");
    other = rules;
    other.audience = "gateway-2";
    EXPECT_EQ(refused(same, other), "wrong_audience");
    other = rules;
    other.now = now + 300 + 59;
    EXPECT_EQ(refused(same, other), "accepted");
    other.now = now + 300 + 60;
    EXPECT_EQ(refused(same, other), "token_expired");
    other.now = 0;
    EXPECT_EQ(refused(same, other), "accepted") << "no clock";
    other.now = now - 61;
    EXPECT_EQ(refused(same, other), "token_not_yet_valid");
    EXPECT_EQ(refused([](claims& c) { c.not_before = now + 61; }, rules), "token_not_yet_valid");
    EXPECT_EQ(refused([](claims& c) { c.expires_at = c.issued_at; }, rules), "token_lives_too_long");
    EXPECT_EQ(refused([](claims& c) { c.expires_at = c.issued_at + 24 * 60 * 60 + 1; }, rules), "token_lives_too_long");
    EXPECT_EQ(name_of(check({{}, "ES256", "", "", "", ""}, good(), rules)), "wrong_type");
    EXPECT_TRUE(check({{}, "ES256", "", "", "application/Report+JWT", ""}, good(), rules));
}

TEST(JoseClaims, SignedAndVerified) {
    const auto key = test::new_signer("ML-DSA-65");
    const auto token = sign_claims(key, "report+jwt", good()).value();
    EXPECT_EQ(name_of(verify_claims(key.pub, token, {"report+jwt", "meter-1", "gateway-1", now})), "accepted");
    EXPECT_EQ(name_of(verify_claims(key.pub, token, {"report+jwt", "meter-1", "gateway-1", now + 999})), "token_expired");
}

}  // namespace
}  // namespace berth::jose

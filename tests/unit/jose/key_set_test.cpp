#include "jose/key_set.h"

#include "jose/jwe.h"
#include "jose/jws.h"
#include "jose_keys.h"

namespace berth::jose {
namespace {

namespace json = wire::json;
using test::name_of;
using test::new_jwk;

json::object public_one(std::string_view alg, std::string_view who = "a key") {
    return public_jwk(new_jwk(alg, content_alg::a256gcm, crypto::agreement_group::p256, who)).value();
}
json::object set_of(json::array keys) {
    return {{"keys", std::move(keys)}};
}

TEST(JoseKeySets, KeysAreFoundByThumbprintOrByTheirName) {
    auto named = public_one("ES256");
    const std::string own = test::new_signer("ES256").pub.kid;
    named["kid"] = "2026-11";
    const auto set = key_set::read(wire::to_text(set_of({named, public_one("ECDH-ES"), public_one("ML-DSA-44")})));
    ASSERT_TRUE(set) << set.error().message;
    EXPECT_EQ(set->size(), 3U);
    EXPECT_TRUE(set->skipped().empty());
    EXPECT_EQ(set->find(own).value(), named);
    EXPECT_EQ(set->find("2026-11").value(), named);
    EXPECT_EQ(name_of(set->find("2026-12")), "unknown_key");
    EXPECT_EQ(name_of(set->find("")), "kid_missing");

    // What its maker calls a key, tokens may say, too; and nothing else.
    const auto key = read_verification_key(set->find("2026-11").value()).value();
    EXPECT_EQ(key.kid, own);
    const auto signer = test::new_signer("ES256");
    const auto token = sign(signer, as_bytes("x")).value();
    EXPECT_TRUE(verify(key, token));
    const auto resigned = [&](std::string_view kid) {
        auto other = test::new_signer("ES256");
        other.pub.kid = kid;
        return sign(other, as_bytes("x")).value();
    };
    EXPECT_TRUE(verify(key, resigned("2026-11")));
    EXPECT_EQ(name_of(verify(key, resigned("2026-12"))), "wrong_key");
}

TEST(JoseKeySets, WhatTheRfcPassesOverIsPassedOverAndReported) {
    const auto without = [](json::object jwk, std::string_view name) {
        jwk.erase(name);
        return jwk;
    };
    const auto with = [](json::object jwk, std::string_view name, json::value value) {
        jwk[name] = std::move(value);
        return jwk;
    };
    const std::vector<std::pair<json::object, std::string>> all{
        {{{"kty", "RSA"}, {"n", "AQAB"}, {"e", "AQAB"}, {"kid", "an old one"}}, "unknown_key_type"},
        {{{"kid", "nothing"}}, "missing_member"},
        {without(public_one("ES256"), "y"), "missing_member"},
        {without(public_one("ML-DSA-65"), "pub"), "missing_member"},
        {with(public_one("ES256"), "alg", "ES256K"), "algorithm_refused"},
        {with(public_one("ES256"), "crv", "secp256k1"), "unknown_curve"},
        {with(public_one("HPKE-9"), "draft", "draft-ietf-jose-hpke-pq-pqt-00"), "unknown_draft"},
    };
    for (const auto& [jwk, why] : all) {
        const auto set = key_set::of(set_of({jwk, public_one("EdDSA")}));
        ASSERT_TRUE(set) << why << ": " << set.error().message;
        ASSERT_EQ(set->skipped().size(), 1U) << why;
        EXPECT_EQ(set->skipped()[0].why.name, why);
        EXPECT_EQ(set->skipped()[0].index, 0U);
        EXPECT_EQ(set->size(), 1U);
    }
    const auto set = key_set::of(set_of({all[0].first}));
    const auto missed = set->find("an old one");
    ASSERT_EQ(name_of(missed), "unknown_key");
    EXPECT_NE(missed.error().message.find("RSA"), std::string::npos);
    // RFC 7517 4.5: "different keys [...] might use the same "kid" value", of different kinds.
    EXPECT_TRUE(key_set::of(set_of({all[0].first, with(public_one("ES256"), "kid", "an old one")})));
    // RFC 7517 5: "Additional members can be present [...] they MUST be ignored".
    EXPECT_TRUE(key_set::of({{"keys", json::array()}, {"more", 1}}));
}

TEST(JoseKeySets, AmbiguousSetsAreRefused) {
    auto first = public_one("ES256", "first");
    auto second = public_one("ES256", "second");
    EXPECT_TRUE(key_set::of(set_of({first, second})));
    EXPECT_EQ(name_of(key_set::of(set_of({first, first}))), "duplicate_key");
    auto renamed = first;
    renamed["kid"] = "another name";
    EXPECT_EQ(name_of(key_set::of(set_of({first, renamed}))), "duplicate_key");
    const auto called = [](json::object jwk, const json::value& kid) {
        jwk["kid"] = kid;
        return jwk;
    };
    EXPECT_EQ(name_of(key_set::of(set_of({called(first, "k"), called(second, "k")}))), "duplicate_kid");
    // By the name that is another's thumbprint, whichever comes first.
    EXPECT_EQ(name_of(key_set::of(set_of({first, called(second, first.at("kid"))}))), "duplicate_kid");
    EXPECT_EQ(name_of(key_set::of(set_of({called(second, first.at("kid")), first}))), "duplicate_kid");
}

TEST(JoseKeySets, WhatIsNoSetIsRefused) {
    const json::object good = public_one("ES256");
    EXPECT_FALSE(is_key_set(good));
    EXPECT_TRUE(is_key_set(set_of({good})));
    for (const auto* const text : {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[1]})", R"({"keys":[[]]})",
                                   R"({"keys":[],"keys":[]})", R"({"keys":null})"}) {
        EXPECT_EQ(name_of(key_set::read(text)), "bad_key_set") << text;
    }
    for (const auto& [name, value] : std::vector<std::pair<std::string, json::value>>{
             {"kty", 1}, {"kid", 1}, {"alg", json::array()}, {"crv", nullptr}, {"x", 5}}) {
        auto bad = good;
        bad[name] = value;
        EXPECT_EQ(name_of(key_set::of(set_of({bad}))), "bad_jwk") << name;
    }
    auto bad = good;
    bad["kid"] = std::string(most_kid + 1, 'k');
    EXPECT_EQ(name_of(key_set::of(set_of({bad}))), "bad_key_set");
    json::array many(most_set_keys + 1, json::value(json::object{{"kty", "RSA"}}));
    EXPECT_EQ(name_of(key_set::of(set_of(many))), "key_set_too_large");
    many.pop_back();
    EXPECT_TRUE(key_set::of(set_of(many)));
    EXPECT_EQ(name_of(key_set::read(std::string(most_key_set + 1, ' '))), "key_set_too_large");
}

// Full validation of points is asked for of keys, and of what they open later.
TEST(JoseFullValidation, OpensWhatPartialDoes) {
    test::named_random random("full");
    for (const auto group : {crypto::agreement_group::p256, crypto::agreement_group::p384, crypto::agreement_group::x25519}) {
        const auto jwk = new_jwk("ECDH-ES", content_alg::a256gcm, group);
        const auto key = read_opening_key(jwk, crypto::point_validation::full);
        ASSERT_TRUE(key);
        EXPECT_EQ(key->points, crypto::point_validation::full);
        const auto to = read_recipient_key(public_jwk(jwk).value(), crypto::point_validation::full).value();
        const auto token = seal(to, as_bytes("x"), {}, {}, random).value();
        EXPECT_TRUE(open(*key, token, {}));
    }
}

// A key whose keeper is gone says so, and not that the message is wrong.
TEST(JoseHeldKeys, AgreementKeysOfOthers) {
    struct held final : keystore::agreement_key {
        keystore::agreement_key_ptr own;
        bool gone = false;
        keystore::capabilities says{};
        const crypto::agreement_public_key& public_key() const override { return own->public_key(); }
        result<secret_bytes> agree(const crypto::agreement_public_key& peer) const override {
            if (gone) {
                return fail(error_category::environment, "keystore_failed", "gone");
            }
            return own->agree(peer);
        }
        const keystore::capabilities& able() const override { return says; }
    };
    test::named_random random("held");
    for (const auto alg : {key_alg::ecdh_es, key_alg::ecdh_es_a256kw}) {
        auto holder = std::make_shared<held>();
        holder->own = std::get<keystore::agreement_key_ptr>(test::new_opener().key);
        const auto key = opening_key_of(holder, alg, content_alg::a128gcm).value();
        const auto token = seal(key.pub, as_bytes("x"), {}, {}, random).value();
        EXPECT_TRUE(open(key, token, {}));
        EXPECT_EQ(name_of(open(test::new_opener("ECDH-ES", "another"), token, {})), "algorithm_mismatch");
        holder->gone = true;
        EXPECT_EQ(name_of(open(key, token, {})), "keystore_failed");
    }
}

}  // namespace
}  // namespace berth::jose

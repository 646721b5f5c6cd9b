#include "pki/ocsp_cache.h"

#include "support/test_pki.h"

namespace berth::pki {

namespace {

using test::day;
using test::name_of_error;
using test::test_now;
using test::value_of;

struct asked {
    test::authority ca = test::make_root("ca", crypto::signature_algorithm::ecdsa_p256_sha256);
    certificate leaf =
        test::issue(ca, client_template("Test", "leaf", test::usual), test::signature_key("leaf").public_key().spki());
    bytes nonce = bytes(32, 7);
    ocsp_cache cache{{.keep = 60, .keep_failures = 5, .most = 2}};

    bytes response(ocsp_state state, unix_seconds at = test_now, std::optional<bytes> with = bytes(32, 7)) {
        ocsp_answer one;
        one.id = make_ocsp_id(leaf.serial(), ca.certificate);
        one.state = state;
        one.revoked_at = state == ocsp_state::revoked ? at : 0;
        one.this_update = at;
        one.next_update = at + 3'600;
        return value_of(sign_ocsp_response({&one, 1}, with, at, ca.certificate, ca.key));
    }
    std::string take(bytes_view der, unix_seconds now = test_now) {
        return name_of_error(cache.take(der, leaf, ca.certificate, nonce, now));
    }
    std::string check(unix_seconds now = test_now) { return name_of_error(cache.check(leaf, ca.certificate, now)); }
    bool due(unix_seconds now = test_now) { return cache.is_due(leaf, ca.certificate, now); }
};

TEST(OcspCache, WithoutAnAnswerNobodyCounts) {
    asked a;
    EXPECT_TRUE(a.due());
    EXPECT_EQ(a.check(), "ocsp_missing");
    EXPECT_EQ(a.take(a.response(ocsp_state::good)), "accepted");
    EXPECT_FALSE(a.due());
    EXPECT_EQ(a.check(), "accepted");
    const auto of_another =
        test::issue(a.ca, client_template("Test", "x", test::usual), test::signature_key("x").public_key().spki());
    EXPECT_EQ(name_of_error(a.cache.check(of_another, a.ca.certificate, test_now)), "ocsp_missing");
}

TEST(OcspCache, AnswersCountForAWhile) {
    asked a;
    EXPECT_EQ(a.take(a.response(ocsp_state::good)), "accepted");
    EXPECT_FALSE(a.due(test_now + 59));
    EXPECT_TRUE(a.due(test_now + 60));
    EXPECT_EQ(a.check(test_now + 65), "accepted") << "while it is asked for again";
    EXPECT_EQ(a.check(test_now + 66), "ocsp_missing") << "a responder that says nothing any more lets nobody in";
    EXPECT_TRUE(a.due(test_now - 1)) << "the clock was set back";
    EXPECT_EQ(a.check(test_now - 1), "ocsp_missing");
}

TEST(OcspCache, RevokedIsForGood) {
    asked a;
    EXPECT_EQ(a.take(a.response(ocsp_state::revoked)), "accepted");
    EXPECT_EQ(a.check(), "certificate_revoked");
    EXPECT_EQ(a.check(test_now + 10 * day), "certificate_revoked");
    // The answer of before, played again by whoever holds the line; he cannot know the nonce, but may leave it out.
    EXPECT_EQ(a.take(a.response(ocsp_state::good, test_now - 10, std::nullopt), test_now + 70), "ocsp_replayed");
    EXPECT_EQ(a.check(test_now + 70), "certificate_revoked");
}

TEST(OcspCache, WhatIsNoAnswerLetsNobodyIn) {
    asked a;
    EXPECT_EQ(a.take(bytes{1, 2, 3}), "bad_ocsp_response");
    EXPECT_EQ(a.check(), "ocsp_missing");
    EXPECT_FALSE(a.due(test_now + 4)) << "nobody asks again at once";
    EXPECT_TRUE(a.due(test_now + 5));
    EXPECT_EQ(a.take(a.response(ocsp_state::good, test_now, bytes(32, 8))), "ocsp_replayed");
    EXPECT_EQ(a.take(a.response(ocsp_state::good, test_now - 2 * day, std::nullopt)), "ocsp_expired");
    EXPECT_EQ(a.take(ocsp_failure_response(ocsp_failure::try_later)), "bad_ocsp_response");
    EXPECT_EQ(a.check(), "ocsp_missing");
    EXPECT_EQ(a.take(a.response(ocsp_state::unknown)), "accepted");
    EXPECT_EQ(a.check(), "certificate_unknown");
    const auto stranger = test::make_root("stranger", crypto::signature_algorithm::ecdsa_p256_sha256);
    ocsp_answer forged;
    forged.id = make_ocsp_id(a.leaf.serial(), a.ca.certificate);
    forged.state = ocsp_state::good;
    forged.this_update = test_now;
    EXPECT_NE(a.take(value_of(sign_ocsp_response({&forged, 1}, a.nonce, test_now, stranger.certificate, stranger.key))),
              "accepted");
    EXPECT_EQ(a.check(), "certificate_unknown");
}

TEST(OcspCache, IsBounded) {
    asked a;
    EXPECT_EQ(a.take(a.response(ocsp_state::good)), "accepted");
    for (const char* name : {"x", "y", "z"}) {
        const auto other =
            test::issue(a.ca, client_template("Test", name, test::usual), test::signature_key(name).public_key().spki());
        a.cache.failed(other, a.ca.certificate, {error_category::environment, "ocsp_unreachable", "nobody is there"}, test_now);
    }
    EXPECT_EQ(a.cache.size(), 2U);
    EXPECT_EQ(a.check(), "accepted") << "what counts stays before what does not";
}

}  // namespace

}  // namespace berth::pki

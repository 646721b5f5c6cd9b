#include "ca/ocsp_desk.h"

#include "support/ca_world.h"
#include "wire/base64.h"

namespace berth::ca {

namespace {

using test::ca_world;
using test::day;
using test::name_of_error;
using test::test_now;
using test::value_of;

struct at_desk {
    explicit at_desk(desk_limits limits = {}) : desk({{w.above.certificate, w.above.certificate, key()}}, limits) {}
    keystore::signing_key_ptr key() { return keystore::software_signing_key(w.above.key); }

    bytes query(const pki::certificate& about, std::optional<bytes> nonce = {}) {
        return value_of(pki::build_ocsp_query({{pki::make_ocsp_id(about.serial(), w.above.certificate)}, std::move(nonce)}));
    }
    ocsp_desk::answer ask(const pki::certificate& about, std::optional<bytes> nonce = {}) {
        return desk.serve(query(about, std::move(nonce)), *w.records, w.clock);
    }
    std::string state(const ocsp_desk::answer& given, const pki::certificate& about, std::optional<bytes> nonce = {}) {
        pki::ocsp_policy policy{pki::validity_instants::at(w.clock.now())};
        policy.nonce = nonce;
        policy.nonce_required = nonce.has_value();
        const auto judged = pki::verify_ocsp_response(given.der, about, w.above.certificate, policy);
        return judged ? std::string(to_string(judged->state)) : judged.error().name;
    }

    ca_world w;
    ocsp_desk desk;
};

TEST(OcspDesk, KeepsAnswersUntilAnythingIsEnded) {
    at_desk d;
    const auto one = d.w.leaf("SN-1"), two = d.w.leaf("SN-2");
    const auto first = d.ask(one);
    EXPECT_STREQ(first.outcome, "signed");
    EXPECT_TRUE(first.may_be_kept);
    EXPECT_EQ(first.next_update, test_now + 3'600);
    EXPECT_EQ(d.state(first, one), "good");
    const auto again = d.ask(one);
    EXPECT_STREQ(again.outcome, "kept");
    EXPECT_EQ(again.der, first.der);
    EXPECT_STREQ(d.ask(two).outcome, "signed");
    // Another connection, as the command line is one.
    const auto beside = value_of(store::sqlite_ca_store::open((d.w.directory.path() / "ca.db").string()));
    ASSERT_TRUE(beside->revoke(d.w.issuer.id(), two.serial(), pki::revocation_reason::key_compromise, test_now));
    const auto after = d.ask(two);
    EXPECT_STREQ(after.outcome, "signed");
    EXPECT_EQ(d.state(after, two), "revoked");
    EXPECT_STREQ(d.ask(one).outcome, "signed") << "nobody looks which answers it has changed";
    ASSERT_TRUE(beside->raise_epoch(test::a_device("SN-1").device, {}, test_now));
    EXPECT_EQ(d.state(d.ask(one), one), "revoked");
}

TEST(OcspDesk, AnswersAgeAndAreSignedAgain) {
    at_desk d;
    const auto leaf = d.w.leaf();
    const auto first = d.ask(leaf);
    d.w.clock.set(test_now + 1'799);
    EXPECT_STREQ(d.ask(leaf).outcome, "kept");
    d.w.clock.set(test_now + 1'800);
    EXPECT_STREQ(d.ask(leaf).outcome, "signed");
    EXPECT_EQ(d.desk.kept(), 1U);
    d.w.clock.set(test_now + 10);
    EXPECT_STREQ(d.ask(leaf).outcome, "signed") << "the clock was set back: the other one is of the future";
    d.w.clock.set(test_now + 3'600 + 301);
    EXPECT_EQ(d.state(first, leaf), "ocsp_expired");
}

TEST(OcspDesk, ANonceIsAnsweredOnDemand) {
    at_desk d;
    const auto leaf = d.w.leaf();
    EXPECT_STREQ(d.ask(leaf).outcome, "signed");
    const auto fresh = d.ask(leaf, bytes(16, 3));
    EXPECT_STREQ(fresh.outcome, "signed");
    EXPECT_FALSE(fresh.may_be_kept);
    EXPECT_EQ(d.state(fresh, leaf, bytes(16, 3)), "good");
    EXPECT_EQ(d.state(fresh, leaf, bytes(16, 4)), "ocsp_replayed") << "another's answer, played again";
    EXPECT_EQ(d.state(d.ask(leaf), leaf, bytes(16, 3)), "ocsp_replayed") << "one that was kept has none";
    EXPECT_EQ(d.desk.kept(), 1U);
}

TEST(OcspDesk, WhatIsNotKnownIsNotKept) {
    at_desk d;
    const auto key = test::signature_key("x");
    const auto forged = test::issue(d.w.above, pki::client_template("Birch", "x", test::usual), key.public_key().spki());
    const auto said = d.ask(forged);
    EXPECT_EQ(d.state(said, forged), "unknown");
    EXPECT_FALSE(said.may_be_kept);
    EXPECT_EQ(d.desk.kept(), 0U);
}

TEST(OcspDesk, IsBounded) {
    at_desk d({.most_kept = 2, .signatures_per_second = 4});
    std::vector<pki::certificate> leaves;
    for (const char* serial : {"SN-1", "SN-2", "SN-3"}) {
        leaves.push_back(d.w.leaf(serial));
        EXPECT_STREQ(d.ask(leaves.back()).outcome, "signed");
    }
    EXPECT_EQ(d.desk.kept(), 2U);
    EXPECT_STREQ(d.ask(leaves[2]).outcome, "kept");
    EXPECT_STREQ(d.ask(leaves[0]).outcome, "signed") << "the oldest has gone";
    const auto too_many = d.ask(leaves[0], bytes(16, 3));
    EXPECT_STREQ(too_many.outcome, "try_later");
    EXPECT_EQ(d.state(too_many, leaves[0]), "bad_ocsp_response");
    EXPECT_STREQ(d.ask(leaves[2]).outcome, "kept") << "what is there costs nothing";
    d.w.clock.advance(1'000);
    EXPECT_STREQ(d.ask(leaves[1]).outcome, "signed");
}

TEST(OcspDesk, RefusesWhatItHasNothingToSayAbout) {
    at_desk d;
    const auto leaf = d.w.leaf();
    const auto outcome = [&](bytes_view query) { return std::string(d.desk.serve(query, *d.w.records, d.w.clock).outcome); };
    EXPECT_EQ(outcome(bytes{1, 2, 3}), "malformed");
    EXPECT_EQ(outcome({}), "malformed");
    EXPECT_EQ(outcome(bytes(most_ocsp_query + 1, 0x30)), "malformed");
    EXPECT_EQ(outcome(value_of(pki::build_ocsp_query({{pki::make_ocsp_id(leaf.serial(), d.w.root.certificate)}}))),
              "unauthorized");
    d.w.clock.set(d.w.above.certificate.not_after() + 1);
    EXPECT_EQ(outcome(d.query(leaf)), "failed");
    EXPECT_EQ(name_of_error(d.desk.check(d.w.clock.now())), "responder_expired");
}

TEST(OcspDesk, QueriesInPaths) {
    const bytes der{0xfb, 0xff, 0xfe, 0x01};  // "+//+AQ=="
    EXPECT_EQ(value_of(ocsp_query_in_path("+//+AQ==")), der);
    EXPECT_EQ(value_of(ocsp_query_in_path("%2B%2F%2f+AQ%3D%3d")), der);
    for (const char* text : {"", "%", "%2", "%zz", "+//+AQ", "****", "-__-AQ=="}) {
        EXPECT_EQ(name_of_error(ocsp_query_in_path(text)), "malformed") << text;
    }
    EXPECT_EQ(name_of_error(ocsp_query_in_path(wire::base64(bytes(most_ocsp_query + 1, 1)))), "malformed");
    EXPECT_EQ(name_of_error(ocsp_query_in_path(std::string(3 * most_ocsp_query + 1, 'A'))), "malformed");
}

}  // namespace

}  // namespace berth::ca

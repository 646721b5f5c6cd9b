#include "ca/publish.h"

#include "support/ca_world.h"

namespace berth::ca {

namespace {

using test::ca_world;
using test::day;
using test::name_of_error;
using test::test_now;
using test::value_of;

std::set<bytes> serials(const pki::crl& list) {
    std::set<bytes> out;
    for (const auto& entry : list.revoked()) {
        out.insert(entry.serial);
    }
    return out;
}

pki::crl list_of(ca_world& w, const list_order& order = {}) {
    return value_of(make_list(w.issuer, order, *w.records, w.clock));
}

TEST(Lists, TellOfAllThatEndsCertificates) {
    ca_world w;
    const auto kept = w.leaf("SN-0"), one = w.leaf("SN-1"), lot = w.leaf("SN-2", "lot"), dead = w.leaf("SN-3"),
               old = w.leaf("SN-4");
    EXPECT_TRUE(list_of(w).revoked().empty());
    ASSERT_TRUE(w.records->revoke(w.issuer.id(), one.serial(), pki::revocation_reason::key_compromise, test_now));
    ASSERT_TRUE(w.records->withdraw({withdrawal_kind::batch, withdrawal::of_batch("lot"), test_now, {}}));
    ASSERT_TRUE(w.records->withdraw({withdrawal_kind::device, withdrawal::of_device(test::a_device("SN-3").device), test_now,
                                     pki::revocation_reason::cessation_of_operation}));
    ASSERT_TRUE(w.records->raise_epoch(test::a_device("SN-4").device, pki::revocation_reason::superseded, test_now));
    const auto anew = w.leaf("SN-4");
    // Twice over is told once.
    ASSERT_TRUE(w.records->revoke(w.issuer.id(), lot.serial(), {}, test_now));

    const auto list = list_of(w);
    EXPECT_EQ(serials(list), (std::set<bytes>{one.serial(), lot.serial(), dead.serial(), old.serial()}));
    EXPECT_EQ(list.revoked().size(), 4U);
    EXPECT_EQ(list.find(one.serial())->reason, pki::revocation_reason::key_compromise);
    EXPECT_EQ(list.find(old.serial())->reason, pki::revocation_reason::superseded);
    EXPECT_FALSE(list.find(anew.serial()));
    EXPECT_TRUE(list.check_signature(w.above.certificate));
    EXPECT_EQ(list.number(), 2U);

    ASSERT_TRUE(w.records->withdraw({withdrawal_kind::issuer, withdrawal::of_issuer(test::a_device().anchor), test_now,
                                     pki::revocation_reason::ca_compromise}));
    EXPECT_EQ(list_of(w).revoked().size(), 6U) << "the maker's CA: all that stood on its word";
}

TEST(Lists, TheExpiredGoAfterOneMoreList) {
    ca_world w;
    const auto leaf = w.leaf();
    ASSERT_TRUE(w.records->revoke(w.issuer.id(), leaf.serial(), {}, test_now));
    EXPECT_EQ(list_of(w).revoked().size(), 1U);
    w.clock.set(leaf.not_after() + 10);
    EXPECT_EQ(list_of(w).revoked().size(), 1U) << "RFC 5280 3.3: once more after it has expired";
    w.clock.advance(1000);
    EXPECT_TRUE(list_of(w).revoked().empty());
}

TEST(Lists, DeltasContinueCompleteOnes) {
    ca_world w({.crl_url = "http://ca.example/crl", .delta_url = "http://ca.example/delta"});
    const auto before = w.leaf("SN-1"), after = w.leaf("SN-2"), late = w.leaf("SN-3");
    EXPECT_EQ(name_of_error(make_list(w.issuer, {.delta = true}, *w.records, w.clock)), "no_complete_list");
    ASSERT_TRUE(w.records->revoke(w.issuer.id(), before.serial(), {}, test_now));
    w.clock.advance((slowest_record + 1) * 1000);
    const auto complete = list_of(w);
    // Said before the list was made, and written down after.
    ASSERT_TRUE(w.records->revoke(w.issuer.id(), late.serial(), {}, complete.this_update() - 10));
    EXPECT_EQ(pki::scope_of(complete).delta_urls, std::vector<std::string>{"http://ca.example/delta"});
    w.clock.advance(60'000);
    ASSERT_TRUE(w.records->revoke(w.issuer.id(), after.serial(), {}, w.clock.now()));
    const auto delta = list_of(w, {.delta = true});
    EXPECT_EQ(serials(delta), (std::set<bytes>{after.serial(), late.serial()}));
    EXPECT_EQ(pki::scope_of(delta).delta_base, complete.number());
    EXPECT_TRUE(pki::continues(delta, complete));
    EXPECT_FALSE(pki::continues(complete, delta));

    pki::verify_options options = test::now_as(pki::leaf_rule::signature);
    options.time = pki::validity_instants::at(w.clock.now());
    const auto judge = [&](std::vector<pki::crl> lists) {
        const auto store = value_of(pki::trust_store::build({{w.root.certificate}, {w.above.certificate}, std::move(lists)}));
        return name_of_error(pki::verify_chain(store, std::vector{after}, options));
    };
    EXPECT_EQ(judge({complete}), "accepted");
    EXPECT_EQ(judge({complete, delta}), "certificate_revoked");
    options.revocation = pki::crl_policy::always;
    EXPECT_EQ(judge({delta}), "crl_missing") << "a delta alone says little";
}

TEST(Lists, ShardsSpeakOfTheirOwnOnly) {
    ca_world w({.crl_url = "http://ca.example/{shard}.crl", .shard_size = 1});
    const auto first = w.leaf("SN-1"), second = w.leaf("SN-2");
    for (const auto& c : {first, second}) {
        ASSERT_TRUE(w.records->revoke(w.issuer.id(), c.serial(), {}, test_now));
    }
    const auto zero = list_of(w, {.shard = 0}), one = list_of(w, {.shard = 1}), all = list_of(w);
    EXPECT_EQ(serials(zero), std::set<bytes>{first.serial()});
    EXPECT_EQ(serials(one), std::set<bytes>{second.serial()});
    EXPECT_EQ(all.revoked().size(), 2U);
    EXPECT_TRUE(pki::speaks_of(zero, first));
    EXPECT_FALSE(pki::speaks_of(zero, second));
    EXPECT_TRUE(pki::speaks_of(all, second));
    EXPECT_EQ(zero.number(), 1U) << "each scope has its own numbers";
    EXPECT_EQ(one.number(), 1U);
}

TEST(Lists, NumbersAndTimesGoForward) {
    ca_world w;
    EXPECT_EQ(list_of(w).number(), 1U);
    EXPECT_EQ(list_of(w, {.at_least = 1000}).number(), 1000U);
    EXPECT_EQ(list_of(w).number(), 1001U);
    EXPECT_EQ(list_of(w, {.delta = true}).number(), 1002U);
    EXPECT_EQ(list_of(w).number(), 1003U);
    w.clock.set(test_now - 1);
    EXPECT_EQ(name_of_error(make_list(w.issuer, {}, *w.records, w.clock)), "clock_implausible");
    EXPECT_EQ(value_of(w.records->last_crl(w.issuer.id(), {}, false))->number, 1003U);
}

TEST(Ocsp, AnswersWhatTheRecordsSay) {
    ca_world w;
    const auto good = w.leaf("SN-1"), revoked = w.leaf("SN-2");
    ASSERT_TRUE(w.records->revoke(w.issuer.id(), revoked.serial(), pki::revocation_reason::key_compromise, test_now - 5));
    const ocsp_responder by{w.above.certificate, w.above.certificate, w.above.key};
    const auto ask = [&](bytes_view serial, const pki::certificate& about) {
        const pki::ocsp_query query{{pki::make_ocsp_id(serial, w.above.certificate)}, bytes(16, 3)};
        pki::ocsp_policy policy{pki::validity_instants::at(test_now)};
        policy.nonce = query.nonce;
        policy.nonce_required = true;
        return pki::verify_ocsp_response(answer_query(by, value_of(pki::build_ocsp_query(query)), *w.records, w.clock), about,
                                         w.above.certificate, policy);
    };
    EXPECT_EQ(value_of(ask(good.serial(), good)).state, pki::ocsp_state::good);
    const auto answer = value_of(ask(revoked.serial(), revoked));
    EXPECT_EQ(answer.state, pki::ocsp_state::revoked);
    EXPECT_EQ(answer.reason, pki::revocation_reason::key_compromise);
    EXPECT_EQ(answer.revoked_at, test_now - 5);
    EXPECT_EQ(name_of_error(pki::require_good(answer, revoked)), "certificate_revoked");
    EXPECT_EQ(name_of_error(ask(good.serial(), revoked)), "ocsp_about_another");
    const auto key = test::signature_key("x");
    const auto forged = test::issue(w.above, pki::client_template("Birch", "x", test::usual), key.public_key().spki());
    EXPECT_EQ(value_of(ask(forged.serial(), forged)).state, pki::ocsp_state::unknown) << "signed, and never issued";

    // Raising the epoch is one row, and the very next answer knows.
    ASSERT_TRUE(w.records->raise_epoch(test::a_device("SN-1").device, {}, test_now));
    EXPECT_EQ(value_of(ask(good.serial(), good)).state, pki::ocsp_state::revoked);

    const auto beforehand = value_of(answer_beforehand(by, revoked.serial(), pki::ocsp_hash::sha1, *w.records, w.clock));
    pki::ocsp_policy policy{pki::validity_instants::at(test_now)};
    EXPECT_EQ(value_of(pki::verify_ocsp_response(beforehand, revoked, w.above.certificate, policy)).state,
              pki::ocsp_state::revoked);
    policy.nonce_required = true;
    EXPECT_EQ(name_of_error(pki::verify_ocsp_response(beforehand, revoked, w.above.certificate, policy)), "ocsp_replayed");
}

TEST(Ocsp, NothingIsSaidOfOthersCertificates) {
    ca_world w;
    const auto leaf = w.leaf();
    const ocsp_responder by{w.above.certificate, w.above.certificate, w.above.key};
    const auto failure = [&](bytes_view query) {
        const auto judged =
            pki::verify_ocsp_response(answer_query(by, query, *w.records, w.clock), leaf, w.above.certificate, {});
        return judged ? "accepted" : judged.error().params.back().second;
    };
    const pki::ocsp_query of_root{{pki::make_ocsp_id(leaf.serial(), w.root.certificate)}};
    EXPECT_EQ(failure(value_of(pki::build_ocsp_query(of_root))), "unauthorized");
    EXPECT_EQ(failure(bytes{1, 2, 3}), "malformed_request");
    EXPECT_EQ(failure({}), "malformed_request");
}

}  // namespace

}  // namespace berth::ca

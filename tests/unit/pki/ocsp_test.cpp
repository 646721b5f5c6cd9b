#include "pki/ocsp_contents.h"

#include "pki/issued_extras.h"
#include "support/test_pki.h"

namespace berth::pki {

namespace {

using test::day;
using test::name_of_error;
using test::test_now;
using test::value_of;

struct parties {
    explicit parties(crypto::signature_algorithm alg = crypto::signature_algorithm::ecdsa_p256_sha256)
        : root(test::make_root("ocsp", alg)),
          leaf(test::issue(root, client_template("Test", "leaf", test::usual),
                           test::signature_key("ocsp leaf").public_key().spki())) {}

    [[nodiscard]] certificate responder(const std::function<void(certificate_template&, issued_extras&)>& change = {},
                                        const test::authority* by = nullptr) const {
        auto contents = client_template("Test", "responder", {test_now - day, test_now + day});
        contents.extended_key_usages = {std::string(oid_ocsp_signing)};
        issued_extras extras;
        extras.ocsp_no_check = true;
        if (change) {
            change(contents, extras);
        }
        test::named_random random("responder");
        const test::authority& above = by == nullptr ? root : *by;
        return value_of(issue(contents, extras, responder_key.public_key().spki(), above.certificate, above.key, random));
    }
    [[nodiscard]] ocsp_answer good() const {
        return {make_ocsp_id(leaf.serial(), root.certificate), ocsp_state::good, 0, {}, test_now - 60, test_now + 3600};
    }
    [[nodiscard]] bytes by_issuer(const ocsp_answer& answer, const std::optional<bytes>& nonce = {}) const {
        return value_of(sign_ocsp_response({&answer, 1}, nonce, test_now, root.certificate, root.key));
    }
    [[nodiscard]] bytes by(const certificate& who) const {
        const auto answer = good();
        return value_of(sign_ocsp_response({&answer, 1}, {}, test_now, who, responder_key));
    }
    [[nodiscard]] std::string judge(bytes_view der, ocsp_policy policy = {}) const {
        if (policy.time.not_after_at == 0) {
            policy.time = validity_instants::at(test_now);
        }
        return name_of_error(verify_ocsp_response(der, leaf, root.certificate, policy));
    }

    test::authority root;
    certificate leaf;
    crypto::signing_key responder_key = test::signature_key("responder");
};

TEST(OcspQuery, BothWays) {
    const parties p;
    for (const auto hash : {ocsp_hash::sha1, ocsp_hash::sha256, ocsp_hash::sha384, ocsp_hash::sha512}) {
        const ocsp_query query{{make_ocsp_id(p.leaf.serial(), p.root.certificate, hash)}, bytes{1, 2, 3}};
        const auto read = value_of(parse_ocsp_query(value_of(build_ocsp_query(query))));
        EXPECT_EQ(read.ids, query.ids);
        EXPECT_EQ(read.ids[0].serial, p.leaf.serial());
        EXPECT_EQ(read.nonce, query.nonce);
        EXPECT_TRUE(is_of_issuer(read.ids[0], p.root.certificate));
        EXPECT_FALSE(is_of_issuer(read.ids[0], test::make_root("other").certificate));
    }
}

TEST(OcspQuery, Limits) {
    const parties p;
    const auto id = make_ocsp_id(p.leaf.serial(), p.root.certificate);
    EXPECT_EQ(name_of_error(build_ocsp_query({{}})), "bad_template");
    EXPECT_EQ(name_of_error(build_ocsp_query({std::vector(33, id)})), "bad_template");
    EXPECT_EQ(name_of_error(build_ocsp_query({{id}, bytes()})), "bad_template");
    EXPECT_EQ(name_of_error(build_ocsp_query({{id}, bytes(129)})), "bad_template");
    EXPECT_EQ(value_of(parse_ocsp_query(value_of(build_ocsp_query({std::vector(32, id), bytes(128)})))).ids.size(), 32U);
    EXPECT_EQ(name_of_error(parse_ocsp_query({})), "bad_ocsp_request");
    bytes trailing = value_of(build_ocsp_query({{id}}));
    trailing.push_back(0);
    EXPECT_EQ(name_of_error(parse_ocsp_query(trailing)), "bad_ocsp_request");
    EXPECT_EQ(name_of_error(parse_ocsp_query(make_ocsp_id(bytes(21, 1), p.root.certificate).der)), "bad_ocsp_request");
    EXPECT_EQ(name_of_error(parse_ocsp_query(value_of(build_ocsp_query({{make_ocsp_id(bytes(21, 1), p.root.certificate)}})))),
              "bad_ocsp_request");
}

// libcrypto reads a parameter of an unknown type there, and writes it as what ends a structure.
TEST(OcspQuery, ThatIsNoDer) {
    const parties p;
    bytes request = value_of(build_ocsp_query({{make_ocsp_id(p.leaf.serial(), p.root.certificate)}}));
    constexpr std::array<uint8_t, 2> none{0x05, 0x00};
    const auto parameter = std::search(request.begin(), request.end(), none.begin(), none.end());
    ASSERT_NE(parameter, request.end());
    *parameter = 0x20;
    EXPECT_EQ(name_of_error(parse_ocsp_query(request)), "bad_ocsp_request");

    ocsp_id id = make_ocsp_id(p.leaf.serial(), p.root.certificate);
    *std::search(id.der.begin(), id.der.end(), none.begin(), none.end()) = 0x00;
    EXPECT_FALSE(is_of_issuer(id, p.root.certificate));
    EXPECT_EQ(name_of_error(build_ocsp_query({{id}})), "bad_template");
    ocsp_answer about = p.good();
    about.id = id;
    EXPECT_EQ(name_of_error(sign_ocsp_response(std::array{about}, {}, test_now, p.root.certificate, p.root.key)), "bad_template");
}

class OcspAlgorithms : public testing::TestWithParam<crypto::signature_algorithm> {};

TEST_P(OcspAlgorithms, SayWhatTheyWereTold) {
    const parties p(GetParam());
    EXPECT_EQ(p.judge(p.by_issuer(p.good())), "accepted");
    auto answer = p.good();
    answer.state = ocsp_state::revoked;
    answer.revoked_at = test_now - 1000;
    answer.reason = revocation_reason::ca_compromise;
    const auto read =
        value_of(verify_ocsp_response(p.by_issuer(answer), p.leaf, p.root.certificate, {validity_instants::at(test_now)}));
    EXPECT_EQ(read.state, ocsp_state::revoked);
    EXPECT_EQ(read.revoked_at, answer.revoked_at);
    EXPECT_EQ(read.reason, answer.reason);
    EXPECT_EQ(read.this_update, answer.this_update);
    EXPECT_EQ(read.next_update, answer.next_update);
    EXPECT_EQ(p.judge(p.by(p.responder())), "accepted");
}

INSTANTIATE_TEST_SUITE_P(All, OcspAlgorithms, testing::ValuesIn(crypto::all_signature_algorithms),
                         [](const auto& which) { return std::string(crypto::name_of(which.param)); });

TEST(OcspResponse, EveryOctetOfItIsSigned) {
    const parties p;
    const bytes der = p.by_issuer(p.good());
    size_t accepted = 0;
    for (size_t i = 0; i < der.size(); ++i) {
        bytes changed = der;
        changed[i] ^= 1;
        accepted += p.judge(changed) == "accepted" ? 1 : 0;
    }
    EXPECT_EQ(accepted, 0U);
}

TEST(OcspResponse, OnlyTheIssuerAndItsResponderAreHeard) {
    const parties p;
    EXPECT_EQ(p.judge(p.by(p.responder())), "accepted");
    const auto other = test::make_root("other", crypto::signature_algorithm::ecdsa_p256_sha256);
    EXPECT_EQ(p.judge(p.by(p.responder({}, &other))), "ocsp_not_authorized") << "appointed by somebody else";
    const auto below = test::make_issuing_ca(p.root, "below", crypto::signature_algorithm::ecdsa_p256_sha256);
    EXPECT_EQ(p.judge(p.by(p.responder({}, &below))), "ocsp_not_authorized") << "not directly by the issuer";
    EXPECT_EQ(p.judge(p.by(p.responder([](auto& t, auto&) { t.extended_key_usages = {std::string(oid_client_auth)}; }))),
              "ocsp_not_authorized");
    EXPECT_EQ(p.judge(p.by(p.responder([](auto& t, auto&) { t.extended_key_usages.clear(); }))), "ocsp_not_authorized");
    EXPECT_EQ(p.judge(p.by(p.responder([](auto& t, auto&) { t.key_usage = key_agreement; }))), "ocsp_not_authorized");
    EXPECT_EQ(p.judge(p.by(p.responder([](auto& t, auto&) { t.not_after = test_now - 1; }))), "ocsp_not_authorized");
    EXPECT_EQ(p.judge(p.by(p.responder([](auto& t, auto&) { t.not_before = test_now + 3600; }))), "ocsp_not_authorized");
    const auto unchecked = p.by(p.responder([](auto&, auto& e) { e.ocsp_no_check = false; }));
    EXPECT_EQ(p.judge(unchecked), "ocsp_not_authorized");
    ocsp_policy lenient{validity_instants::at(test_now)};
    lenient.accept_unchecked_responder = true;
    EXPECT_EQ(p.judge(unchecked, lenient), "accepted");
    const auto answer = p.good();
    EXPECT_EQ(p.judge(value_of(sign_ocsp_response({&answer, 1}, {}, test_now, other.certificate, other.key))),
              "ocsp_not_authorized");
    EXPECT_EQ(name_of_error(sign_ocsp_response({&answer, 1}, {}, test_now, p.root.certificate, other.key)),
              "issuer_key_mismatch");
}

TEST(OcspResponse, IsAboutTheCertificateAsked) {
    const parties p;
    auto answer = p.good();
    answer.id = make_ocsp_id(bytes{1}, p.root.certificate);
    EXPECT_EQ(p.judge(p.by_issuer(answer)), "ocsp_about_another");
    answer.id = make_ocsp_id(p.leaf.serial(), test::make_root("other").certificate);
    EXPECT_EQ(p.judge(p.by_issuer(answer)), "ocsp_about_another") << "the same serial of another issuer";
}

TEST(OcspResponse, ReplaysAreNotHeard) {
    const parties p;
    ocsp_policy policy{validity_instants::at(test_now)};
    policy.nonce = bytes{1, 2, 3};
    EXPECT_EQ(p.judge(p.by_issuer(p.good(), bytes{1, 2, 3}), policy), "accepted");
    EXPECT_EQ(p.judge(p.by_issuer(p.good(), bytes{1, 2, 4}), policy), "ocsp_replayed");
    EXPECT_EQ(p.judge(p.by_issuer(p.good()), policy), "accepted") << "made beforehand";
    policy.nonce_required = true;
    EXPECT_EQ(p.judge(p.by_issuer(p.good()), policy), "ocsp_replayed");
    policy.nonce.reset();
    EXPECT_EQ(p.judge(p.by_issuer(p.good(), bytes{1}), policy), "ocsp_replayed") << "nobody has asked with a nonce";
    policy.nonce_required = false;
    policy.newest_seen = test_now - 60;
    EXPECT_EQ(p.judge(p.by_issuer(p.good()), policy), "accepted");
    policy.newest_seen = test_now - 59;
    EXPECT_EQ(p.judge(p.by_issuer(p.good()), policy), "ocsp_replayed");
}

TEST(OcspResponse, AgeHasLimits) {
    const parties p;
    auto answer = p.good();
    const auto at = [&](unix_seconds now, unix_seconds most_age = 7 * day) {
        ocsp_policy policy{validity_instants::at(now)};
        policy.most_age = most_age;
        return p.judge(p.by_issuer(answer), policy);
    };
    EXPECT_EQ(at(test_now + 3600 + 300), "accepted");
    EXPECT_EQ(at(test_now + 3600 + 301), "ocsp_expired");
    EXPECT_EQ(at(test_now - 60 - 300), "accepted");
    EXPECT_EQ(at(test_now - 60 - 301), "ocsp_not_yet_valid");
    answer.next_update = 0;
    EXPECT_EQ(at(test_now + 7 * day), "accepted");
    EXPECT_EQ(at(test_now + 8 * day), "ocsp_expired");
    answer.next_update = test_now + 100 * day;
    EXPECT_EQ(at(test_now + day, 3600), "ocsp_expired") << "what it says of itself is not enough";
    answer.next_update = answer.this_update - 1;
    EXPECT_EQ(name_of_error(sign_ocsp_response({&answer, 1}, {}, test_now, p.root.certificate, p.root.key)), "bad_template");
}

TEST(OcspContents, AreToldWhoeverHasSigned) {
    const parties p;
    auto answer = p.good();
    answer.state = ocsp_state::revoked;
    answer.revoked_at = test_now - day;
    answer.reason = revocation_reason::key_compromise;
    const auto read = value_of(parse_ocsp_contents(p.by_issuer(answer, bytes{1, 2, 3})));
    EXPECT_TRUE(read.failure.empty());
    EXPECT_EQ(read.responder.size(), 40U) << "its key's SHA-1";
    EXPECT_EQ(read.produced_at, test_now);
    EXPECT_TRUE(read.nonce && read.certificates.empty());
    ASSERT_EQ(read.answers.size(), 1U);
    EXPECT_EQ(read.answers[0].id.serial, p.leaf.serial());
    EXPECT_EQ(read.answers[0].state, ocsp_state::revoked);
    EXPECT_EQ(read.answers[0].revoked_at, test_now - day);
    EXPECT_EQ(read.answers[0].reason, revocation_reason::key_compromise);
    EXPECT_EQ(read.answers[0].next_update, test_now + 3600);
    const auto responder = p.responder();
    EXPECT_EQ(value_of(parse_ocsp_contents(p.by(responder))).certificates, std::vector{responder});
    EXPECT_EQ(value_of(parse_ocsp_contents(ocsp_failure_response(ocsp_failure::try_later))).failure, "try_later");
    auto longer = p.by_issuer(answer);
    longer.push_back(0);
    EXPECT_EQ(name_of_error(parse_ocsp_contents(longer)), "bad_ocsp_response");
    EXPECT_EQ(name_of_error(parse_ocsp_contents({})), "bad_ocsp_response");
}

TEST(OcspResponse, FailuresSayWhich) {
    const parties p;
    for (const auto& [what, name] : {std::pair(ocsp_failure::malformed_request, "malformed_request"),
                                     {ocsp_failure::internal_error, "internal_error"},
                                     {ocsp_failure::try_later, "try_later"},
                                     {ocsp_failure::unauthorized, "unauthorized"}}) {
        const auto judged = verify_ocsp_response(ocsp_failure_response(what), p.leaf, p.root.certificate, {});
        ASSERT_EQ(name_of_error(judged), "bad_ocsp_response");
        EXPECT_EQ(judged.error().params.back(), (std::pair<std::string, std::string>("status", name)));
    }
    EXPECT_EQ(p.judge({}), "bad_ocsp_response");
    bytes trailing = p.by_issuer(p.good());
    trailing.push_back(0);
    EXPECT_EQ(p.judge(trailing), "bad_ocsp_response");
}

TEST(OcspResponse, RevokedAndUnknownAreNotGood) {
    const parties p;
    auto answer = p.good();
    EXPECT_EQ(name_of_error(require_good(answer, p.leaf)), "accepted");
    answer.state = ocsp_state::unknown;
    EXPECT_EQ(name_of_error(require_good(answer, p.leaf)), "certificate_unknown");
    answer.state = ocsp_state::revoked;
    EXPECT_EQ(name_of_error(require_good(answer, p.leaf)), "certificate_revoked");
}

}  // namespace

}  // namespace berth::pki

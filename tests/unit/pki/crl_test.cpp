#include "pki/certificate_openssl.h"
#include "pki/crl.h"
#include "support/test_pki.h"

#include <gtest/gtest.h>

namespace berth::pki {

namespace {

using test::day;
using test::name_of_error;
using test::test_now;
using test::value_of;

const test::authority& root() {
    static const test::authority r = test::make_root("lists");
    return r;
}

crl make(std::vector<revoked_entry> revoked, uint64_t number = 7) {
    return value_of(issue_crl({number, test_now, test_now + day, std::move(revoked)}, root().certificate, root().key));
}

TEST(Crl, SaysWhatTheTemplateSaid) {
    const crl list = make({{bytes{9}, test_now - 5, revocation_reason::superseded},
                           {bytes(16, 0xff), test_now - 6, revocation_reason::unspecified},
                           {bytes{1, 0}, test_now - 7, revocation_reason::key_compromise}},
                          uint64_t{1} << 40);
    EXPECT_EQ(list.number(), uint64_t{1} << 40);
    EXPECT_EQ(list.this_update(), test_now);
    EXPECT_EQ(list.next_update(), test_now + day);
    EXPECT_EQ(list.issuer(), root().certificate.subject());
    EXPECT_EQ(list.revoked().size(), 3U);
    EXPECT_TRUE(list.check_signature(root().certificate));
    EXPECT_EQ(name_of_error(list.check_signature(test::make_root("other").certificate)), "bad_crl_signature");

    const auto found = list.find(bytes{9});
    ASSERT_TRUE(found);
    EXPECT_EQ(found->revoked_at, test_now - 5);
    EXPECT_EQ(found->reason, revocation_reason::superseded);
    EXPECT_EQ(list.find(bytes(16, 0xff))->reason, revocation_reason::unspecified);
    EXPECT_TRUE(list.find(bytes{1, 0}));
    EXPECT_FALSE(list.find(bytes{1}));
    EXPECT_FALSE(list.find(bytes{2, 0}));
}

TEST(Crl, EncodingsBothWaysAndStrict) {
    const crl list = make({});
    EXPECT_TRUE(same_octets(value_of(crl::parse(list.der())).der(), list.der()));
    EXPECT_EQ(value_of(crl::parse_pem_all(list.to_pem() + list.to_pem())).size(), 2U);
    bytes trailing = to_bytes(list.der());
    trailing.push_back(0);
    EXPECT_EQ(name_of_error(crl::parse(trailing)), "bad_crl");
    EXPECT_EQ(name_of_error(crl::parse({})), "bad_crl");
    EXPECT_EQ(name_of_error(crl::parse(root().certificate.der())), "bad_crl");
    EXPECT_EQ(name_of_error(crl::parse_pem_all(root().certificate.to_pem())), "bad_pem");
}

TEST(Crl, OnlyCasWithCrlSignIssueThem) {
    const crl_template contents{1, test_now, test_now + day, {}};
    EXPECT_EQ(name_of_error(issue_crl(contents, root().certificate, test::make_root("other").key)), "issuer_key_mismatch");
    const auto key = test::signature_key("leaf");
    const certificate leaf = test::issue(root(), client_template("A", "x", test::usual), key.public_key().spki());
    EXPECT_EQ(name_of_error(issue_crl(contents, leaf, key)), "bad_key_usage");
    EXPECT_EQ(name_of_error(issue_crl({1, test_now, test_now - 1, {}}, root().certificate, root().key)), "bad_template");
    EXPECT_EQ(name_of_error(issue_crl({1, test_now, test_now, {{bytes{1}, -1, {}}}}, root().certificate, root().key)),
              "bad_template");
}

// RFC 5280 5.2: a list with a critical extension that we cannot process must not be used.
TEST(Crl, ListsThatLeaveSomethingOutAreRefused) {
    const crl whole = make({});
    const auto with = [&](int nid, void* value) {
        const x509_crl_ptr list(X509_CRL_dup(whole.get().x509_crl.get()));
        EXPECT_EQ(X509_CRL_add1_ext_i2d(list.get(), nid, value, 1, X509V3_ADD_DEFAULT), 1);
        EXPECT_GT(X509_CRL_sign(list.get(), evp_of(root().key), nullptr), 0);
        return name_of_error(crl::parse(crypto::to_der(list.get(), i2d_X509_CRL)));
    };
    using point_ptr = crypto::openssl_ptr<ISSUING_DIST_POINT, ISSUING_DIST_POINT_free>;
    for (int ISSUING_DIST_POINT::* flag : {&ISSUING_DIST_POINT::onlyuser, &ISSUING_DIST_POINT::onlyCA,
                                           &ISSUING_DIST_POINT::indirectCRL, &ISSUING_DIST_POINT::onlyattr}) {
        const point_ptr point(ISSUING_DIST_POINT_new());
        point.get()->*flag = 0xff;
        EXPECT_EQ(with(NID_issuing_distribution_point, point.get()), "bad_crl");
    }
    const point_ptr some(ISSUING_DIST_POINT_new());
    some->onlysomereasons = ASN1_BIT_STRING_new();
    ASN1_BIT_STRING_set_bit(some->onlysomereasons, 1, 1);
    EXPECT_EQ(with(NID_issuing_distribution_point, some.get()), "bad_crl");
    const asn1_integer_ptr number(ASN1_INTEGER_new());
    ASN1_INTEGER_set(number.get(), 1);
    EXPECT_EQ(with(NID_delta_crl, number.get()), "accepted");
    const crypto::openssl_ptr<GENERAL_NAMES, GENERAL_NAMES_free> names(GENERAL_NAMES_new());
    EXPECT_EQ(with(NID_issuer_alt_name, names.get()), "bad_crl") << "critical, and unknown to us";
}

}  // namespace

}  // namespace berth::pki

#include "pki/issued_extras.h"

#include "pki/certificate_openssl.h"
#include "pki/epoch.h"
#include "support/test_pki.h"

namespace berth::pki {

namespace {

using test::name_of_error;
using test::value_of;

const test::authority& root() {
    static const test::authority r = test::make_root("extras", crypto::signature_algorithm::ecdsa_p256_sha256);
    return r;
}

result<certificate> make(const issued_extras& extras) {
    test::named_random random("extras");
    return issue(client_template("Test", "leaf", test::usual), extras, test::signature_key("extras").public_key().spki(),
                 root().certificate, root().key, random);
}

// With an extension under the epoch's OID that says this.
certificate with_epoch(bytes value, bool critical = false, int times = 1) {
    const certificate plain = value_of(make({}));
    const x509_ptr x509(X509_dup(plain.get().x509.get()));
    const auto oid = crypto::object_from_dotted(oid_epoch);
    const crypto::openssl_ptr<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free> text(ASN1_OCTET_STRING_new());
    ASN1_OCTET_STRING_set(text.get(), value.data(), static_cast<int>(value.size()));
    const crypto::openssl_ptr<X509_EXTENSION, X509_EXTENSION_free> extension(
        X509_EXTENSION_create_by_OBJ(nullptr, oid.get(), critical ? 1 : 0, text.get()));
    for (int i = 0; i < times; ++i) {
        X509_add_ext(x509.get(), extension.get(), -1);
    }
    EXPECT_GT(X509_sign(x509.get(), evp_of(root().key), EVP_sha256()), 0);
    return value_of(certificate::parse(crypto::to_der(x509.get(), i2d_X509)));
}

TEST(IssuedExtras, SayWhereToAsk) {
    issued_extras extras{{"http://a/1", "ldap://b/2"}, {"http://a/delta"}, {"http://a/ocsp"}, {"http://a/ca"}, 7, true};
    const certificate c = value_of(make(extras));
    const auto at = addresses_in(c);
    EXPECT_EQ(at.crls, extras.crl_urls);
    EXPECT_EQ(at.deltas, extras.delta_urls);
    EXPECT_EQ(at.ocsp, extras.ocsp_urls);
    EXPECT_EQ(at.issuers, extras.issuer_urls);
    EXPECT_EQ(value_of(epoch_of(c)), 7U);
    EXPECT_TRUE(has_ocsp_no_check(c));
    EXPECT_TRUE(
        verify_chain(value_of(trust_store::from_root(root().certificate)), std::vector{c}, test::now_as(leaf_rule::signature)));

    const certificate plain = value_of(make({}));
    EXPECT_TRUE(addresses_in(plain).crls.empty() && addresses_in(plain).ocsp.empty() && addresses_in(plain).issuers.empty());
    EXPECT_FALSE(value_of(epoch_of(plain)));
    EXPECT_FALSE(has_ocsp_no_check(plain));
}

TEST(IssuedExtras, AddressesAreUris) {
    for (const std::string& bad : {std::string("ca.example"), std::string("http://a b"), std::string(),
                                   std::string("http://\xc3\xbc"), "http://" + std::string(1100, 'a')}) {
        issued_extras extras;
        extras.ocsp_urls = {bad};
        EXPECT_EQ(name_of_error(make(extras)), "bad_template") << bad;
        extras.ocsp_urls.clear();
        extras.crl_urls = {bad};
        EXPECT_EQ(name_of_error(make(extras)), "bad_template") << bad;
    }
}

TEST(Epoch, EveryNumberOfItsRange) {
    for (const uint32_t epoch : {0U, 1U, 127U, 128U, 65'536U, UINT32_MAX}) {
        issued_extras extras;
        extras.epoch = epoch;
        EXPECT_EQ(value_of(epoch_of(value_of(make(extras)))), epoch);
    }
}

TEST(Epoch, EarlierOnesHaveEnded) {
    issued_extras extras;
    extras.epoch = 4;
    const certificate c = value_of(make(extras));
    EXPECT_EQ(name_of_error(require_epoch(c, 4)), "accepted");
    EXPECT_EQ(name_of_error(require_epoch(c, 3)), "accepted");
    EXPECT_EQ(name_of_error(require_epoch(c, 5)), "epoch_passed");
    EXPECT_EQ(name_of_error(require_epoch(value_of(make({})), 5)), "accepted") << "without one only its serial ends it";
}

TEST(Epoch, MalformedOnesAreNone) {
    EXPECT_EQ(value_of(epoch_of(with_epoch({2, 1, 5}))), 5U);
    for (const bytes& bad : {bytes{}, bytes{2, 1}, bytes{2, 1, 5, 0}, bytes{2, 1, 0xff}, bytes{2, 2, 0, 5}, bytes{4, 1, 5},
                             bytes{2, 5, 1, 0, 0, 0, 0}, bytes{2, 9, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}) {
        EXPECT_EQ(name_of_error(epoch_of(with_epoch(bad))), "bad_certificate") << to_hex(bad);
    }
    EXPECT_EQ(name_of_error(epoch_of(with_epoch({2, 1, 5}, true))), "bad_certificate");
    EXPECT_EQ(name_of_error(epoch_of(with_epoch({2, 1, 5}, false, 2))), "bad_certificate");
}

}  // namespace

}  // namespace berth::pki

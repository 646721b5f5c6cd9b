// The certificates that we write, octet by octet, against those that libcrypto builds of the same parts.
#include "pki/certificate_openssl.h"
#include "pki/csr_contents.h"
#include "pki/epoch.h"
#include "pki/issued_extras.h"
#include "pki/to_be_signed_openssl.h"
#include "support/test_pki.h"

#include <openssl/conf.h>

namespace berth::pki {

namespace {

using test::kem_key;
using test::name_of_error;
using test::named_random;
using test::signature_key;
using test::value_of;

struct given {
    certificate_template contents;
    issued_extras extras;
    std::string extensions;  // as libcrypto's configuration has them, in the order of RFC 5280's sections and then of the extras
};

std::string hex_of_key_id(bytes_view spki) {
    X509_PUBKEY* key = nullptr;
    const unsigned char* at = spki.data();
    key = d2i_X509_PUBKEY(nullptr, &at, static_cast<long>(spki.size()));
    const unsigned char* octets = nullptr;
    int size = 0;
    X509_PUBKEY_get0_param(nullptr, &octets, &size, nullptr, key);
    const std::string out = to_hex(crypto::sha256({octets, static_cast<size_t>(size)}).view().first(20));
    X509_PUBKEY_free(key);
    return out;
}

x509_name_ptr name_of(const distinguished_name& name) {
    x509_name_ptr out(X509_NAME_new());
    for (const auto& [attribute, value] : name.attributes) {
        EXPECT_EQ(X509_NAME_add_entry_by_txt(out.get(), attribute.c_str(), MBSTRING_UTF8, as_bytes(value).data(),
                                             static_cast<int>(value.size()), -1, 0),
                  1);
    }
    return out;
}

// What libcrypto makes of it, with the serial number of `made`; not signed.
bytes tbs_of_libcrypto(const given& g, bytes_view spki, const certificate& issuer, const certificate& made, const EVP_MD* digest,
                       EVP_PKEY* signer) {
    const x509_ptr x509(X509_new_ex(crypto::lib_context(), nullptr));
    X509_set_version(x509.get(), X509_VERSION_3);
    X509_set_serialNumber(x509.get(), X509_get_serialNumber(made.get().x509.get()));
    X509_set1_notBefore(x509.get(), to_asn1(g.contents.not_before).get());
    X509_set1_notAfter(x509.get(), to_asn1(g.contents.not_after).get());
    X509_set_subject_name(x509.get(), name_of(g.contents.subject).get());
    X509_set_issuer_name(x509.get(), X509_get_subject_name(issuer.get().x509.get()));
    const unsigned char* at = spki.data();
    const crypto::evp_pkey_ptr key(d2i_PUBKEY_ex(nullptr, &at, static_cast<long>(spki.size()), crypto::lib_context(), nullptr));
    EXPECT_EQ(X509_set_pubkey(x509.get(), key.get()), 1);

    const std::string all = "[all]\n" + g.extensions;
    const crypto::bio_ptr text(BIO_new_mem_buf(all.data(), static_cast<int>(all.size())));
    const std::unique_ptr<CONF, decltype(&NCONF_free)> config(NCONF_new(nullptr), NCONF_free);
    EXPECT_EQ(NCONF_load_bio(config.get(), text.get(), nullptr), 1);
    X509V3_CTX context;
    X509V3_set_ctx(&context, nullptr, x509.get(), nullptr, nullptr, 0);
    X509V3_set_nconf(&context, config.get());
    EXPECT_EQ(X509V3_EXT_add_nconf(config.get(), &context, "all", x509.get()), 1) << crypto::openssl_errors();
    EXPECT_GT(X509_sign(x509.get(), signer, digest), 0);
    unsigned char* out = nullptr;
    const int size = i2d_re_X509_tbs(x509.get(), &out);
    const bytes tbs(out, out + size);
    OPENSSL_free(out);
    return tbs;
}

bytes tbs_in(const certificate& c) {
    unsigned char* out = nullptr;
    const x509_ptr copy(X509_dup(c.get().x509.get()));
    const int size = i2d_re_X509_tbs(copy.get(), &out);
    const bytes tbs(out, out + size);
    OPENSSL_free(out);
    return tbs;
}

void expect_same_facts(const certificate& a, const certificate& b) {
    EXPECT_EQ(to_bytes(a.der()), to_bytes(b.der()));
    EXPECT_EQ(a.sha256(), b.sha256());
    EXPECT_EQ(to_bytes(a.spki()), to_bytes(b.spki()));
    EXPECT_EQ(a.spki_sha256(), b.spki_sha256());
    EXPECT_EQ(a.subject(), b.subject());
    EXPECT_EQ(a.issuer(), b.issuer());
    EXPECT_EQ(to_bytes(a.subject_der()), to_bytes(b.subject_der()));
    EXPECT_EQ(to_bytes(a.issuer_der()), to_bytes(b.issuer_der()));
    EXPECT_EQ(a.serial(), b.serial());
    EXPECT_EQ(a.not_before(), b.not_before());
    EXPECT_EQ(a.not_after(), b.not_after());
    EXPECT_EQ(a.get().key_oid, b.get().key_oid);
    EXPECT_EQ(a.key_usage(), b.key_usage());
    EXPECT_EQ(a.extended_key_usages(), b.extended_key_usages());
    EXPECT_EQ(a.policies(), b.policies());
    EXPECT_EQ(a.dns_names(), b.dns_names());
    EXPECT_EQ(a.uris(), b.uris());
    EXPECT_EQ(a.hardware_module_name(), b.hardware_module_name());
    EXPECT_EQ(a.permanent_id(), b.permanent_id());
    EXPECT_EQ(a.get().alt_names_value, b.get().alt_names_value);
    EXPECT_EQ(value_of(names_of(a)).subject.attributes, value_of(names_of(b)).subject.attributes);
    EXPECT_EQ(value_of(names_of(a)).other_alt_names, value_of(names_of(b)).other_alt_names);
    EXPECT_EQ(a.is_ca(), b.is_ca());
    EXPECT_EQ(a.path_length(), b.path_length());
    EXPECT_EQ(to_bytes(a.subject_key_id()), to_bytes(b.subject_key_id()));
    EXPECT_EQ(to_bytes(a.authority_key_id()), to_bytes(b.authority_key_id()));
}

// Made by each kind of key, it is what libcrypto would have made, and what a reader finds in it.
void expect_as_libcrypto(const given& g, bytes_view spki) {
    for (const auto alg : crypto::all_signature_algorithms) {
        const auto root = test::make_root("octets, with a comma", alg);
        named_random random("octets");
        const certificate made = value_of(issue(g.contents, g.extras, spki, root.certificate, root.key, random));
        const certificate again = value_of(certificate::parse(made.der()));
        expect_same_facts(made, again);
        EXPECT_TRUE(made.check_signature(root.certificate));
        EXPECT_TRUE(again.check_signature(root.certificate));

        given with_ids = g;
        const std::string own = hex_of_key_id(spki);
        const std::string above = hex_of_key_id(root.certificate.spki());
        const size_t at = with_ids.extensions.find("IDS\n");
        with_ids.extensions.replace(
            at, 4, "subjectKeyIdentifier=DER:0414" + own + "\nauthorityKeyIdentifier=DER:30168014" + above + "\n");
        EXPECT_EQ(to_hex(tbs_in(made)),
                  to_hex(tbs_of_libcrypto(with_ids, spki, root.certificate, made, digest_for(alg), evp_of(root.key))))
            << crypto::name_of(alg);
    }
}

given device() {
    given g;
    g.contents.subject.add("serialNumber", "SN-1").add("CN", "Gerät 1").add("O", "Acme").add("C", "DE");
    g.contents.not_before = test::usual.not_before;
    g.contents.not_after = test::usual.not_after;
    g.contents.key_usage = digital_signature | key_agreement;
    g.contents.extended_key_usages = {std::string(oid_client_auth), "1.2.840.113549.1.9.16.3.8"};
    g.extensions =
        "keyUsage=critical,digitalSignature,keyAgreement\nextendedKeyUsage=clientAuth,1.2.840.113549.1.9.16.3.8\nIDS\n";
    return g;
}

TEST(IssuedOctets, OfADevice) {
    expect_as_libcrypto(device(), signature_key("octets").public_key().spki());
}

TEST(IssuedOctets, OfEveryKindOfKey) {
    given g = device();
    g.contents.key_usage = {};
    g.contents.extended_key_usages = {};
    g.extensions = "IDS\n";
    for (const auto alg : crypto::all_signature_algorithms) {
        expect_as_libcrypto(g, signature_key("octets", alg).public_key().spki());
    }
    for (const auto alg : crypto::all_kem_algorithms) {
        expect_as_libcrypto(g, kem_key("octets", alg).public_key().spki());
    }
}

TEST(IssuedOctets, OfEveryUsageOfAKey) {
    constexpr std::array<const char*, 9> names{"digitalSignature", "nonRepudiation", "keyEncipherment",
                                               "dataEncipherment", "keyAgreement",   "keyCertSign",
                                               "cRLSign",          "encipherOnly",   "decipherOnly"};
    const bytes spki = to_bytes(signature_key("octets").public_key().spki());
    const auto root = test::make_root("usages", crypto::signature_algorithm::ecdsa_p256_sha256);
    for (unsigned bits = 1; bits < 0x200; ++bits) {
        given g = device();
        g.contents.is_ca = true;
        g.contents.key_usage = static_cast<uint16_t>(bits);
        std::string said;
        for (unsigned i = 0; i < 9; ++i) {
            said += (bits & 1U << i) != 0 ? std::string(",") + names[i] : "";
        }
        g.extensions = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical" + said +
                       "\nextendedKeyUsage=clientAuth,1.2.840.113549.1.9.16.3.8\n" + "subjectKeyIdentifier=DER:0414" +
                       hex_of_key_id(spki) + "\nauthorityKeyIdentifier=DER:30168014" + hex_of_key_id(root.certificate.spki()) +
                       "\n";
        named_random random("usages");
        const auto made = value_of(issue(g.contents, spki, root.certificate, root.key, random));
        ASSERT_EQ(made.key_usage(), bits);
        ASSERT_EQ(tbs_in(made),
                  tbs_of_libcrypto(g, spki, root.certificate, made, digest_for(root.key.algorithm()), evp_of(root.key)))
            << said;
    }
}

TEST(IssuedOctets, WithNamesOfAllKinds) {
    given g = device();
    g.contents.alt_names.dns = {"a.example", "b.example"};
    g.contents.alt_names.uris = {"urn:uuid:1"};
    g.contents.alt_names.hardware = hardware_module{"1.3.6.1.4.1.99999.1", {1, 2, 3}};
    g.contents.alt_names.permanent_id = permanent_identifier{"disk 7", "1.3.6.1.4.1.99999.2"};
    g.extensions = "keyUsage=critical,digitalSignature,keyAgreement\nextendedKeyUsage=clientAuth,1.2.840.113549.1.9.16.3.8\n"
                   "subjectAltName=@names\nIDS\n[names]\nDNS.1=a.example\nDNS.2=b.example\nURI.1=urn:uuid:1\n"
                   "otherName.1=1.3.6.1.5.5.7.8.4;SEQUENCE:hardware\notherName.2=1.3.6.1.5.5.7.8.3;SEQUENCE:permanent\n"
                   "[hardware]\ntype=OID:1.3.6.1.4.1.99999.1\nserial=FORMAT:HEX,OCTETSTRING:010203\n"
                   "[permanent]\nvalue=UTF8:disk 7\nassigner=OID:1.3.6.1.4.1.99999.2\n";
    expect_as_libcrypto(g, signature_key("octets").public_key().spki());
}

TEST(IssuedOctets, WithNoSubjectTheNamesAreCritical) {
    given g = device();
    g.contents.subject.attributes.clear();
    g.contents.alt_names.dns = {"a.example"};
    g.extensions = "keyUsage=critical,digitalSignature,keyAgreement\nextendedKeyUsage=clientAuth,1.2.840.113549.1.9.16.3.8\n"
                   "subjectAltName=critical,DNS:a.example\nIDS\n";
    expect_as_libcrypto(g, signature_key("octets").public_key().spki());
}

TEST(IssuedOctets, OfACaWithConstraints) {
    for (const uint32_t path : {0U, 1U, 127U, 128U, 300U}) {
        given g = device();
        g.contents.is_ca = true;
        g.contents.path_length = path;
        g.contents.key_usage = key_cert_sign | crl_sign;
        g.contents.extended_key_usages = {};
        g.contents.policies = {"2.5.29.32.0", "1.3.6.1.4.1.99999.3"};
        g.contents.constraints.permitted_dns = {"a.example", "b.example"};
        g.contents.constraints.permitted_uri_hosts = {".c.example"};
        g.contents.constraints.excluded_dns = {"not.a.example"};
        g.extensions = "basicConstraints=critical,CA:TRUE,pathlen:" + std::to_string(path) +
                       "\nkeyUsage=critical,keyCertSign,cRLSign\ncertificatePolicies=2.5.29.32.0,1.3.6.1.4.1.99999.3\n"
                       "nameConstraints=critical,@within\nIDS\n[within]\npermitted;DNS.1=a.example\npermitted;DNS.2=b.example\n"
                       "permitted;URI.1=.c.example\nexcluded;DNS.1=not.a.example\n";
        expect_as_libcrypto(g, signature_key("octets").public_key().spki());
    }
}

TEST(IssuedOctets, WithAddressesAndAnEpoch) {
    for (const uint32_t epoch : {0U, 127U, 128U, 65'535U, UINT32_MAX}) {
        given g = device();
        g.extras = {{"http://a/1", "ldap://b/2"}, {"http://a/delta"}, {"http://a/ocsp"}, {"http://a/ca"}, epoch, true};
        g.extensions += "crlDistributionPoints=point\nfreshestCRL=newest\n"
                        "authorityInfoAccess=OCSP;URI:http://a/ocsp,caIssuers;URI:http://a/ca\nnoCheck=ignored\n" +
                        std::string(oid_epoch) + "=ASN1:INTEGER:" + std::to_string(epoch) +
                        "\n[point]\nfullname=URI:http://a/1,URI:ldap://b/2\n[newest]\nfullname=URI:http://a/delta\n";
        expect_as_libcrypto(g, signature_key("octets").public_key().spki());
    }
}

TEST(IssuedOctets, TimesAsLibcryptoWritesThem) {
    // The ends of what there is, of UTCTime, and of a leap day.
    for (const unix_seconds at : {unix_seconds{0}, unix_seconds{951'782'400}, unix_seconds{2'524'607'999},
                                  unix_seconds{2'524'608'000}, no_expiry - 1, no_expiry}) {
        EXPECT_EQ(to_hex(value_of(result<bytes>(*time_element(at)))), to_hex(crypto::to_der(to_asn1(at).get(), i2d_ASN1_TIME)));
    }
    EXPECT_FALSE(time_element(-1));
    EXPECT_FALSE(time_element(no_expiry + 1));
}

TEST(IssuedOctets, ACrossCertificateHasTheSameSubjectKeyAndExtensions) {
    const auto old = test::make_root("old", crypto::signature_algorithm::ecdsa_p384_sha384);
    const auto above = test::make_root("new", crypto::signature_algorithm::mldsa65);
    named_random random("cross");
    const auto made = value_of(cross_sign(old.certificate, 1, 2, above.certificate, above.key, random));
    expect_same_facts(made, value_of(certificate::parse(made.der())));
    EXPECT_TRUE(made.check_signature(above.certificate));
    given g;
    g.contents.subject.add("O", "Test").add("CN", "old");
    g.contents.not_before = 1;
    g.contents.not_after = 2;
    g.extensions = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=DER:0414" +
                   hex_of_key_id(old.certificate.spki()) + "\nauthorityKeyIdentifier=DER:30168014" +
                   hex_of_key_id(above.certificate.spki()) + "\n";
    EXPECT_EQ(to_hex(tbs_in(made)),
              to_hex(tbs_of_libcrypto(g, old.certificate.spki(), above.certificate, made, nullptr, evp_of(above.key))));
}

TEST(IssuedOctets, NothingWithAnEmptyUsage) {
    const auto root = test::make_root("octets", crypto::signature_algorithm::ecdsa_p256_sha256);
    named_random random("empty");
    auto contents = device().contents;
    contents.key_usage = 0;
    EXPECT_EQ(name_of_error(issue(contents, signature_key("octets").public_key().spki(), root.certificate, root.key, random)),
              "bad_certificate");
}

TEST(IssuedOctets, NothingOfAKeyThatIsNone) {
    const auto root = test::make_root("octets", crypto::signature_algorithm::ecdsa_p256_sha256);
    named_random random("none");
    bytes spki = to_bytes(signature_key("octets").public_key().spki());
    spki.back() ^= 1;  // no point of the curve any more
    EXPECT_EQ(name_of_error(issue(device().contents, spki, root.certificate, root.key, random)), "bad_public_key");
    spki.push_back(0);
    EXPECT_EQ(name_of_error(issue(device().contents, spki, root.certificate, root.key, random)), "bad_public_key");
}

}  // namespace

}  // namespace berth::pki

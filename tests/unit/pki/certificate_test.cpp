#include "pki/certificate.h"
#include "pki/certificate_openssl.h"
#include "support/test_pki.h"

#include <thread>

#include <gtest/gtest.h>
#include <openssl/err.h>

namespace berth::pki {

namespace {

using test::issue;
using test::kem_key;
using test::make_root;
using test::name_of_error;
using test::named_random;
using test::usual;
using test::value_of;

const test::authority& root() {
    static const test::authority r = make_root("certificates");
    return r;
}

certificate device(const std::string& serial = "SN-0001") {
    return issue(root(), idevid_kem_template("Acme", serial, hardware_module{"1.3.6.1.4.1.99999.1", {1, 2, 3}}, usual),
                 kem_key(serial).public_key().spki());
}

TEST(Certificate, SaysWhatTheTemplateSaid) {
    const certificate c = device();
    EXPECT_EQ(c.subject(), "serialNumber=SN-0001,O=Acme");
    EXPECT_EQ(c.issuer(), "CN=certificates,O=Test");
    EXPECT_EQ(c.not_before(), usual.not_before);
    EXPECT_EQ(c.not_after(), usual.not_after);
    EXPECT_EQ(c.device_serial(), "SN-0001");
    EXPECT_EQ(c.organization(), "Acme");
    EXPECT_EQ(c.common_name(), std::nullopt);
    EXPECT_EQ(c.key_usage(), key_encipherment);
    EXPECT_EQ(c.extended_key_usages(), std::vector<std::string>{std::string(oid_client_auth)});
    EXPECT_FALSE(c.is_ca());
    EXPECT_TRUE(c.is_kem());
    EXPECT_EQ(to_bytes(c.spki()), to_bytes(kem_key("SN-0001").public_key().spki()));
    EXPECT_EQ(c.spki_sha256(), kem_key("SN-0001").public_key().spki_sha256());
    EXPECT_EQ(value_of(c.kem_key()), kem_key("SN-0001").public_key());
    EXPECT_EQ(name_of_error(c.verification_key()), "unsupported_key_algorithm");
    ASSERT_TRUE(c.hardware_module_name());
    EXPECT_EQ(*c.hardware_module_name(), (hardware_module{"1.3.6.1.4.1.99999.1", {1, 2, 3}}));
    EXPECT_EQ(c.subject_key_id().size(), 20U);
    EXPECT_EQ(to_bytes(c.authority_key_id()), to_bytes(root().certificate.subject_key_id()));
    EXPECT_TRUE(c.check_signature(root().certificate));
    EXPECT_EQ(name_of_error(c.check_signature(make_root("another").certificate)), "bad_certificate_signature");

    EXPECT_TRUE(root().certificate.is_ca());
    EXPECT_TRUE(root().certificate.is_self_issued());
    EXPECT_EQ(root().certificate.key_usage(), key_cert_sign | crl_sign);
    EXPECT_EQ(root().certificate.path_length(), std::nullopt);
}

TEST(Certificate, EveryKeyOfOursCanBeCertified) {
    for (const auto alg : crypto::all_kem_algorithms) {
        const auto key = kem_key("any", alg);
        const certificate c = issue(root(), idevid_kem_template("Acme", "S", {}, usual), key.public_key().spki());
        EXPECT_EQ(value_of(c.kem_key()), key.public_key());
    }
    for (const auto alg : crypto::all_signature_algorithms) {
        const auto key = test::signature_key("any", alg);
        const certificate c = issue(root(), client_template("Acme", "x", usual), key.public_key().spki());
        EXPECT_EQ(value_of(c.verification_key()), key.public_key());
    }
}

TEST(Certificate, EveryKeyOfOursCanIssue) {
    for (const auto alg : crypto::all_signature_algorithms) {
        const auto by = make_root("issuer", alg);
        const certificate c = issue(by, client_template("Acme", "x", usual), by.key.public_key().spki());
        EXPECT_TRUE(c.check_signature(by.certificate)) << crypto::name_of(alg);
    }
}

TEST(Certificate, ParsingIsStrict) {
    const bytes der = to_bytes(device().der());
    EXPECT_TRUE(certificate::parse(der));
    bytes trailing = der;
    trailing.push_back(0);
    EXPECT_EQ(name_of_error(certificate::parse(trailing)), "bad_certificate");
    EXPECT_EQ(name_of_error(certificate::parse(bytes_view(der).first(der.size() - 1))), "bad_certificate");
    EXPECT_EQ(name_of_error(certificate::parse({})), "bad_certificate");
    EXPECT_EQ(name_of_error(certificate::parse(as_bytes("not a certificate"))), "bad_certificate");
}

TEST(Certificate, NoPrefixAndNoFlippedOctetBreaksTheParser) {
    const bytes der = to_bytes(device().der());
    for (size_t i = 0; i < der.size(); i += 7) {
        bytes changed = der;
        changed[i] ^= 0xff;
        if (const auto c = certificate::parse(changed)) {
            // Whatever parses is itself again.
            EXPECT_TRUE(same_octets(c->der(), changed));
            (void)c->kem_key();
            (void)c->device_serial();
        }
        EXPECT_FALSE(certificate::parse(bytes_view(der).first(i)));
    }
}

TEST(Certificate, PemBothWays) {
    const std::vector<certificate> chain{device(), root().certificate};
    const auto again = value_of(certificate::parse_pem_chain("some text\n" + to_pem(chain)));
    EXPECT_EQ(again, chain);
    EXPECT_EQ(value_of(certificate::parse_pem(chain[0].to_pem())), chain[0]);
    EXPECT_EQ(name_of_error(certificate::parse_pem(to_pem(chain))), "bad_certificate");
    EXPECT_EQ(name_of_error(certificate::parse_pem_chain("no blocks at all")), "bad_pem");
    EXPECT_EQ(name_of_error(certificate::parse_pem_chain("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")), "bad_pem");
}

// RFC 5280 4.1.2.5: 99991231235959Z is the date of a certificate without a well-defined expiration.
TEST(Certificate, ValidityUpToTheEndOfTime) {
    for (const unix_seconds end : {test::test_now, unix_seconds{2'524'607'999}, unix_seconds{2'524'608'000}, no_expiry}) {
        const certificate c = issue(root(), client_template("A", "x", {0, end}), root().key.public_key().spki());
        EXPECT_EQ(c.not_before(), 0);
        EXPECT_EQ(c.not_after(), end);
    }
    const bytes der = to_bytes(issue(root(), client_template("A", "x", {0, no_expiry}), root().key.public_key().spki()).der());
    constexpr std::string_view text = "99991231235959Z";
    EXPECT_NE(std::search(der.begin(), der.end(), text.begin(), text.end()), der.end());
}

TEST(Certificate, DeviceSerialIsOnePrintableStringOrRefused) {
    const auto serial_of = [](const distinguished_name& name) {
        certificate_template t = idevid_kem_template("", "S", {}, usual);
        t.subject = name;
        return issue(root(), t, kem_key("serial").public_key().spki()).device_serial();
    };
    EXPECT_EQ(serial_of(distinguished_name().add("serialNumber", "A")), "A");
    EXPECT_EQ(serial_of(distinguished_name().add("serialNumber", std::string(64, 'Z'))), std::string(64, 'Z'));
    EXPECT_EQ(name_of_error(serial_of(distinguished_name().add("CN", "A"))), "bad_device_serial");
    EXPECT_EQ(name_of_error(serial_of(distinguished_name().add("serialNumber", "A").add("serialNumber", "B"))),
              "bad_device_serial");
}

// A template cannot make these; a foreign issuer can.
TEST(Certificate, ForeignDeviceSerialsAreRefused) {
    const auto with_serial = [](int type, const std::string& text) {
        x509_ptr x509(X509_new_ex(crypto::lib_context(), nullptr));
        X509_set_version(x509.get(), X509_VERSION_3);
        X509_NAME* name = X509_get_subject_name(x509.get());
        // Past the table of lengths and types.
        ASN1_STRING* value = ASN1_STRING_type_new(type);
        ASN1_STRING_set(value, text.data(), static_cast<int>(text.size()));
        X509_NAME_ENTRY* entry = X509_NAME_ENTRY_new();
        X509_NAME_ENTRY_set_object(entry, OBJ_nid2obj(NID_serialNumber));
        X509_NAME_ENTRY_set_data(entry, type, reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
        X509_NAME_add_entry(name, entry, -1, 0);
        X509_NAME_ENTRY_free(entry);
        ASN1_STRING_free(value);
        ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), 1);
        X509_set1_notBefore(x509.get(), to_asn1(0).get());
        X509_set1_notAfter(x509.get(), to_asn1(no_expiry).get());
        X509_set_pubkey(x509.get(), evp_of(root().key));
        EXPECT_GT(X509_sign(x509.get(), evp_of(root().key), nullptr), 0);
        return value_of(certificate::parse(crypto::to_der(x509.get(), i2d_X509))).device_serial();
    };
    EXPECT_EQ(with_serial(V_ASN1_PRINTABLESTRING, "fine"), "fine");
    EXPECT_EQ(name_of_error(with_serial(V_ASN1_UTF8STRING, "fine")), "bad_device_serial");
    EXPECT_EQ(name_of_error(with_serial(V_ASN1_IA5STRING, "fine")), "bad_device_serial");
    EXPECT_EQ(name_of_error(with_serial(V_ASN1_PRINTABLESTRING, std::string(65, 'a'))), "bad_device_serial");
    EXPECT_EQ(name_of_error(with_serial(V_ASN1_PRINTABLESTRING, "")), "bad_device_serial");
    EXPECT_EQ(name_of_error(with_serial(V_ASN1_PRINTABLESTRING, std::string("a\0b", 3))), "bad_device_serial");
    EXPECT_EQ(name_of_error(with_serial(V_ASN1_PRINTABLESTRING, "a\nb")), "bad_device_serial");
}

TEST(Certificate, AnyExtendedKeyUsageNeverCounts) {
    certificate_template t = client_template("A", "x", usual);
    t.extended_key_usages = {std::string(oid_any_extended_key_usage)};
    const certificate c = issue(root(), t, root().key.public_key().spki());
    EXPECT_FALSE(c.has_eku(oid_client_auth));
    EXPECT_FALSE(c.has_eku(oid_cmc_ra));
    EXPECT_EQ(name_of_error(require_registrar(c)), "bad_extended_key_usage");
    t.extended_key_usages.clear();
    EXPECT_FALSE(issue(root(), t, root().key.public_key().spki()).has_eku(oid_client_auth));
}

TEST(Certificate, DnsNamesMatchWithoutCaseAndWithoutWildcards) {
    const certificate c =
        issue(root(), server_template("A", {"Masa.Example.com", "*.example.org"}, usual), root().key.public_key().spki());
    EXPECT_TRUE(c.has_dns_name("masa.example.COM"));
    EXPECT_FALSE(c.has_dns_name("asa.example.com"));
    EXPECT_FALSE(c.has_dns_name("masa.example.com.evil"));
    EXPECT_FALSE(c.has_dns_name("a.example.org"));
    EXPECT_FALSE(c.has_dns_name(""));
}

TEST(Certificate, TemplatesThatMakeNoSenseAreRefused) {
    named_random random("templates");
    const auto name_after = [&](auto change) {
        certificate_template t = client_template("A", "x", usual);
        change(t);
        return name_of_error(pki::issue(t, root().key.public_key().spki(), root().certificate, root().key, random));
    };
    EXPECT_EQ(name_after([](auto&) {}), "accepted");
    EXPECT_EQ(name_after([](auto& t) { t.not_after = t.not_before - 1; }), "bad_template");
    EXPECT_EQ(name_after([](auto& t) { t.not_after = no_expiry + 1; }), "bad_template");
    EXPECT_EQ(name_after([](auto& t) { t.not_before = -1; }), "bad_template");
    EXPECT_EQ(name_after([](auto& t) { t.subject.attributes.clear(); }), "bad_template");
    EXPECT_EQ(name_after([](auto& t) { t.subject.add("serialNumber", "a_b"); }), "bad_template");
    EXPECT_EQ(name_after([](auto& t) { t.subject.add("serialNumber", std::string(65, 'a')); }), "bad_template");
    EXPECT_EQ(name_after([](auto& t) { t.subject.add("nonsense", "a"); }), "bad_template");
    EXPECT_EQ(name_after([](auto& t) { t.subject.add("C", "DEU"); }), "bad_template");
    EXPECT_EQ(name_after([](auto& t) { t.path_length = 0; }), "bad_template");
    EXPECT_EQ(name_after([](auto& t) { t.key_usage = key_cert_sign; }), "bad_template");
    EXPECT_EQ(name_after([](auto& t) { t.alt_names.dns = {"two words"}; }), "bad_template");
    EXPECT_EQ(name_after([](auto& t) { t.alt_names.uris = {"no-scheme"}; }), "bad_template");
    EXPECT_EQ(name_after([](auto& t) { t.alt_names.hardware = hardware_module{"x", {1}}; }), "bad_template");
    EXPECT_EQ(name_after([](auto& t) { t.extended_key_usages = {"x.y"}; }), "bad_template");
    EXPECT_EQ(name_after([](auto& t) { t.policies = {"x.y"}; }), "bad_template");
}

TEST(Certificate, OnlyTheIssuersOwnKeyIssues) {
    named_random random("issuers");
    const auto contents = client_template("A", "x", usual);
    const auto other = make_root("somebody else");
    EXPECT_EQ(name_of_error(pki::issue(contents, other.key.public_key().spki(), root().certificate, other.key, random)),
              "issuer_key_mismatch");
    const certificate leaf = issue(root(), contents, other.key.public_key().spki());
    EXPECT_EQ(name_of_error(pki::issue(contents, other.key.public_key().spki(), leaf, other.key, random)), "bad_key_usage");
    bytes bad_spki = to_bytes(other.key.public_key().spki());
    bad_spki.pop_back();
    EXPECT_EQ(name_of_error(pki::issue(contents, bad_spki, root().certificate, root().key, random)), "bad_public_key");
}

TEST(Certificate, SerialsArePositive128BitNumbers) {
    class ones final : public random_source {
    public:
        void fill(std::span<uint8_t> out) override { std::fill(out.begin(), out.end(), uint8_t{0xff}); }
    } random;
    const auto c = value_of(
        pki::issue(client_template("A", "x", usual), root().key.public_key().spki(), root().certificate, root().key, random));
    EXPECT_EQ(c.serial_hex(), std::string(32, 'f'));
    EXPECT_EQ(value_of(certificate::parse(c.der())).serial(), bytes(16, 0xff));
}

TEST(Certificate, PoliciesAndConstraintsAreRead) {
    certificate_template t = issuing_ca_template("A", "constrained", usual);
    t.policies = {"2.23.140.1.2.1", "1.3.6.1.4.1.99999.7"};
    t.constraints.permitted_dns = {"example.com"};
    const certificate c = issue(root(), t, root().key.public_key().spki());
    EXPECT_EQ(c.policies(), t.policies);
    EXPECT_EQ(c.path_length(), 0U);
}

// What libssl hands out was parsed in another context, without our provider; its key is known once it is
// re-parsed.
TEST(Certificate, OneParsedElsewhereIsFine) {
    const certificate c = device();
    const unsigned char* at = c.der().data();
    const x509_ptr elsewhere(d2i_X509(nullptr, &at, static_cast<long>(c.der().size())));
    ASSERT_TRUE(elsewhere);
    EXPECT_EQ(X509_get0_pubkey(elsewhere.get()), nullptr) << "libcrypto now knows composite keys by itself";
    ERR_clear_error();
    const certificate again = value_of(certificate_from_x509(elsewhere.get()));
    EXPECT_EQ(again, c);
    EXPECT_TRUE(again.kem_key());
    EXPECT_TRUE(
        verify_chain(value_of(trust_store::from_root(root().certificate)), std::span(&again, 1), test::now_as(leaf_rule::kem)));
}

TEST(Certificate, ManyThreadsDecodeOneKey) {
    for (int round = 0; round < 5; ++round) {
        const certificate c = device("SN-" + std::to_string(round));
        std::atomic<int> good = 0;
        std::vector<std::thread> threads;
        for (int i = 0; i < 6; ++i) {
            threads.emplace_back([&] { good += c.kem_key() && !c.verification_key() && c.is_kem() ? 1 : 0; });
        }
        for (auto& thread : threads) {
            thread.join();
        }
        EXPECT_EQ(good.load(), 6);
    }
}

}  // namespace

}  // namespace berth::pki

// RFC 9883: requests for KEM keys, vouched for by a signature certificate.
#include "pki/kem_csr.h"
#include "support/made_up_csr.h"
#include "wire/base64.h"

namespace berth::pki {

namespace {

using namespace test;

class KemCsr : public ::testing::Test {
protected:
    KemCsr() { contents_.subject.add("O", "Acme").add("serialNumber", "SN-1"); }

    static certificate device(const std::string& serial, const authority& by, const crypto::signing_key& key,
                              validity v = usual) {
        certificate_template t = idevid_signature_template("Acme", serial, std::nullopt, v);
        return test::issue(by, t, key.public_key().spki());
    }

    possession_rules rules(std::span<const certificate> known = {}) const { return {trust_, now_as(leaf_rule::kem), known}; }
    result<verified_kem_csr> parse(const bytes& der, std::span<const certificate> known = {}) const {
        return verified_kem_csr::parse(der, rules(known));
    }

    const authority root_ = make_root("kem csr", crypto::signature_algorithm::ecdsa_p256_sha256);
    const trust_store trust_ = value_of(trust_store::from_root(root_.certificate));
    const crypto::signing_key key_ = signature_key("voucher");
    const certificate signer_ = device("SN-1", root_, key_);
    const crypto::kem_private_key kem_ = kem_key("kem csr", crypto::kem_algorithm::mlkem768);
    csr_template contents_;
};

TEST_F(KemCsr, EveryKemAndTheStatementWithAndWithoutItsCertificate) {
    for (const auto alg : crypto::all_kem_algorithms) {
        SCOPED_TRACE(crypto::name_of(alg));
        const auto kem = kem_key("every", alg);
        for (const bool carry : {true, false}) {
            const bytes der = value_of(build_kem_csr(contents_, kem.public_key(), signer_, key_, carry));
            const verified_kem_csr csr = value_of(parse(der, std::span(&signer_, 1)));
            EXPECT_EQ(csr.key(), kem.public_key());
            EXPECT_EQ(csr.signer().leaf(), signer_);
            EXPECT_EQ(csr.asks().name.attributes, contents_.subject.attributes);
            EXPECT_TRUE(csr.asks().other_attributes.empty());
            EXPECT_EQ(name_of_error(verified_csr::parse(der)), "unsupported_key_algorithm");
        }
    }
}

TEST_F(KemCsr, MlDsaSignersToo) {
    const auto key = signature_key("voucher", crypto::signature_algorithm::mldsa87);
    const certificate signer = device("SN-1", root_, key);
    const bytes der = value_of(build_kem_csr(contents_, kem_.public_key(), signer, key));
    EXPECT_EQ(value_of(parse(der)).signer().leaf(), signer);
}

TEST_F(KemCsr, TheSignerMustBeKnown) {
    const bytes der = value_of(build_kem_csr(contents_, kem_.public_key(), signer_, key_, false));
    EXPECT_EQ(name_of_error(parse(der)), "signer_unknown");
}

// RFC 9883 4: "The CA MUST perform certification path validation for the signature certificate [...] If the certification path is
// not valid, then the CA MUST reject the request".
TEST_F(KemCsr, TheSignersPathIsValidated) {
    const auto other = make_root("somebody else", crypto::signature_algorithm::ecdsa_p256_sha256);
    const certificate foreign = device("SN-1", other, key_);
    EXPECT_EQ(name_of_error(parse(value_of(build_kem_csr(contents_, kem_.public_key(), foreign, key_)))), "unknown_issuer");
    const certificate old = device("SN-1", root_, key_, {test_now - 30 * day, test_now - day});
    EXPECT_EQ(name_of_error(parse(value_of(build_kem_csr(contents_, kem_.public_key(), old, key_)))), "certificate_expired");
    // A CA's key vouches for nobody's KEM key.
    EXPECT_NE(name_of_error(parse(value_of(build_kem_csr(contents_, kem_.public_key(), root_.certificate, root_.key)))),
              "accepted");
}

// "The CA MUST validate the signature on the certificate request using the public key from the signature certificate."
TEST_F(KemCsr, TheRequestIsSignedByTheSigner) {
    bytes der = value_of(build_kem_csr(contents_, kem_.public_key(), signer_, key_));
    bytes changed = der;
    constexpr std::string_view serial = "SN-1";
    *std::search(changed.begin(), changed.end(), serial.begin(), serial.end()) = 'X';
    EXPECT_EQ(name_of_error(parse(changed)), "bad_signature");
    // Somebody else's KEM key in a request of mine.
    const auto thief = kem_key("thief", crypto::kem_algorithm::mlkem768);
    const bytes_view raw = kem_.public_key().raw();
    std::ranges::copy(thief.public_key().raw(), std::search(der.begin(), der.end(), raw.begin(), raw.end()));
    EXPECT_EQ(name_of_error(parse(der)), "bad_signature");
}

TEST_F(KemCsr, TheKeyOfTheCertificateSigns) {
    EXPECT_EQ(name_of_error(build_kem_csr(contents_, kem_.public_key(), signer_, signature_key("another"))),
              "issuer_key_mismatch");
}

// "The subject in the signature certificate SHOULD be the same as the subject name in the certificate request."
TEST_F(KemCsr, NobodyVouchesForAnother) {
    csr_template victim;
    victim.subject.add("O", "Acme").add("serialNumber", "SN-2");
    const bytes der = value_of(build_kem_csr(victim, kem_.public_key(), signer_, key_));
    EXPECT_EQ(name_of_error(parse(der)), "names_differ");
    possession_rules lax = rules();
    lax.same_names = false;
    EXPECT_EQ(value_of(verified_kem_csr::parse(der, lax)).asks().name.attributes, victim.subject.attributes);
    csr_template more = contents_;
    more.alt_names.dns = {"another.example"};
    EXPECT_EQ(name_of_error(parse(value_of(build_kem_csr(more, kem_.public_key(), signer_, key_)))), "names_differ");
}

// RFC 9883 6: "The privateKeyPossessionStatement attribute MUST NOT be used to obtain a signature certificate."
TEST_F(KemCsr, NoSignatureCertificateIsHadThisWay) {
    csr_template t = contents_;
    t.key_usage = digital_signature;
    EXPECT_EQ(name_of_error(parse(value_of(build_kem_csr(t, kem_.public_key(), signer_, key_)))), "wrong_key_usage");
    t.key_usage = key_encipherment;
    EXPECT_EQ(name_of_error(parse(value_of(build_kem_csr(t, kem_.public_key(), signer_, key_)))), "accepted");
    const bytes plain = value_of(build_csr(contents_, key_));
    EXPECT_EQ(name_of_error(parse(plain)), "unsupported_key_algorithm");
}

TEST_F(KemCsr, StatementsAreStrict) {
    const auto with = [this](std::vector<bytes> values) {
        csr_template t = contents_;
        t.other_attributes = {{std::string(oid_statement_of_possession), std::move(values)}};
        // Signed by the right key, over a KEM key: only the statement is wrong. The usual one is taken out again by its OID.
        bytes info =
            sequence({bytes{2, 1, 0}, value_of(parse_csr_contents(value_of(build_csr(t, key_)))).subject_der,
                      kem_.public_key().spki(), tlv(0xa0, sequence({hex("060a2b0601040181ac600201"), tlv(0x31, [&] {
                                                                        bytes all;
                                                                        for (const bytes& v : t.other_attributes.front().values) {
                                                                            append(all, v);
                                                                        }
                                                                        return all;
                                                                    }())}))});
        const bytes bits = tlv(0x03, concat({bytes{0}, value_of(key_.sign(info))}));
        return name_of_error(parse(sequence({info, hex("300a06082a8648ce3d040302"), bits})));
    };
    const bytes serial = tlv(0x02, signer_.serial()[0] >= 0x80 ? concat({bytes{0}, signer_.serial()}) : signer_.serial());
    const bytes named = sequence({signer_.issuer_der(), serial});
    const bytes good = sequence({named, signer_.der()});
    EXPECT_EQ(with({good}), "accepted");
    EXPECT_EQ(with({good, sequence({named})}), "bad_statement");
    EXPECT_EQ(with({sequence({})}), "bad_statement");
    EXPECT_EQ(with({sequence({named, signer_.der(), hex("0500")})}), "bad_statement");
    EXPECT_EQ(with({sequence({named, hex("0500")})}), "bad_statement");
    EXPECT_EQ(with({sequence({sequence({signer_.issuer_der()})})}), "bad_statement");
    EXPECT_EQ(with({sequence({sequence({serial, signer_.issuer_der()})})}), "bad_statement");
    // Names one certificate and carries another.
    EXPECT_EQ(with({sequence({sequence({signer_.issuer_der(), hex("020101")}), signer_.der()})}), "bad_statement");
}

TEST_F(KemCsr, WithoutAStatementNobodyVouches) {
    const bytes info = sequence({bytes{2, 1, 0}, common_name("a"), kem_.public_key().spki(), hex("a000")});
    const bytes bits = tlv(0x03, concat({bytes{0}, value_of(key_.sign(info))}));
    EXPECT_EQ(name_of_error(parse(sequence({info, hex("300a06082a8648ce3d040302"), bits}))), "statement_missing");
}

// RFC 9883 appendix A: a request for a key of ECDH, of which Berth makes no certificates; its structure is read.
TEST_F(KemCsr, TheExampleOfTheRfcIsRead) {
    const bytes der = value_of(
        wire::from_base64("MIIEMTCCA7gCAQAwPDELMAkGA1UEBhMCVVMxCzAJBgNVBAgTAlZBMRAwDgYDVQQHEwdIZXJuZG9uMQ4wDAYDVQQDEwVBbGljZTB0MA"
                          "4GBSuBBAEMBgUrgQQAIgNi"
                          "AAQBRyQTH+cq1s5F94uFqFe7l1LqGdEC8Tm+e5VYBCfKAC8MJySQMj1GixEEXL+1Wjtg23XvnJouCDoxSpDCSMqf3kvp5+"
                          "naM37uxa3ZYgD6DPY3me5EZvyZPvSR"
                          "JTFl/BagggL9MGcGCSqGSIb3DQEJDjFaMFgwDAYDVR0TAQH/"
                          "BAIwADALBgNVHQ8EBAMCAwgwIgYDVR0RBBswGYEXYWxpY2VAZW1haWwuZXhhbXBsZS5jb20wFwYD"
                          "VR0gBBAwDjAMBgpghkgBZQMCATAwMIICkAYKKwYBBAGBrGACATGCAoAwggJ8ME8wNzELMAkGA1UEBhMCVVMxEzARBgNVBAoTCkV4YW"
                          "1wbGUgQ0ExEzARBgNVBAMT"
                          "CmNhLmV4YW1wbGUCFH90o/wDbOIUeFxZYU5vjfJMR6h5MIICJzCCAa6gAwIBAgIUf3Sj/"
                          "ANs4hR4XFlhTm+N8kxHqHkwCgYIKoZIzj0EAwMwNzELMAkGA1UEBhMC"
                          "VVMxEzARBgNVBAoTCkV4YW1wbGUgQ0ExEzARBgNVBAMTCmNhLmV4YW1wbGUwHhcNMjUwMTA5MTcwMzQ4WhcNMjYwMTA5MTcwMzQ4Wj"
                          "A8MQswCQYDVQQGEwJVUzEL"
                          "MAkGA1UECBMCVkExEDAOBgNVBAcTB0hlcm5kb24xDjAMBgNVBAMTBUFsaWNlMHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEgBz7qVc3Uw"
                          "gz/zZB5Y1vnkfTOv6VWBZV"
                          "4XRt/iPPEJvkwKNVozR4US9yNcxXmniTOqIlMcLRXYkCipgxf8MwUhzBnvE/"
                          "25B316nopn5Fe63bXUvz5bVAjVAlIM3EA1Gxo3YwdDAMBgNVHRMBAf8EAjAAMAsG"
                          "A1UdDwQEAwIHgDAdBgNVHQ4EFgQUIx0A0f7tCzkQEZgYzH3NcM2L05IwHwYDVR0jBBgwFoAUPpi8su/cNBu+cZLSo/"
                          "ptvPJmQKowFwYDVR0gBBAwDjAMBgpghkgB"
                          "ZQMCATAwMAoGCCqGSM49BAMDA2cAMGQCMGu/"
                          "Uypd7BaVnUjB36UtX9m5ZmPi78y51RA8WhbOv0KQVrcYtj4qOdiMVKBcoVceyAIwRJ6U91048NAb3nicHcrGFf1U"
                          "YrhbDlytK4tCa5HBxD/qAgy4/"
                          "eUzA5NZwVaLK78uMAoGCCqGSM49BAMDA2cAMGQCL2TNHPULWcCS2DqZCCiQeSwx2JPLMI14Vi977bzyrImq5p0H3Bel6fAS8BnQ"
                          "00WNAjEAhHDAlcbRuHhqdW6mOgDd5kWEGGqgixIuvEEcfVbnNCEyEE4n0mQ99PHURnXoHwqF"));
    const csr_contents asks = value_of(parse_csr_contents(der));
    EXPECT_EQ(asks.name.attributes.back(), (std::pair<std::string, std::string>{"CN", "Alice"}));
    EXPECT_EQ(asks.key_usage, key_agreement);
    EXPECT_EQ(asks.basic_constraints, requested_basic_constraints{});
    EXPECT_EQ(asks.other_alt_names, std::vector<std::string>{"rfc822Name"});
    ASSERT_EQ(asks.other_extensions.size(), 1u);  // certificatePolicies
    EXPECT_EQ(asks.other_extensions.front().oid, "2.5.29.32");
    EXPECT_NE(asks.attribute(oid_statement_of_possession), nullptr);
    EXPECT_EQ(name_of_error(parse(der)), "unsupported_key_algorithm");
}

}  // namespace

}  // namespace berth::pki

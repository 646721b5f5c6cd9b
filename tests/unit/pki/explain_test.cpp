#include "pki/explain.h"

#include "pki/epoch.h"
#include "pki/issued_extras.h"
#include "support/test_pki.h"

namespace berth::pki {

namespace {

TEST(Explain, Keys) {
    for (const auto& [algorithm, text] : {std::pair(crypto::signature_algorithm::ecdsa_p256_sha256, "ECDSA P-256"),
                                          {crypto::signature_algorithm::ecdsa_p384_sha384, "ECDSA P-384"},
                                          {crypto::signature_algorithm::mldsa87, "ML-DSA-87"}}) {
        EXPECT_EQ(key_text(test::signature_key("explained", algorithm).public_key().spki()), text);
    }
    EXPECT_EQ(key_text(test::kem_key("explained").public_key().spki()), "ML-KEM-768 with ECDH P-256");
    EXPECT_EQ(key_text(bytes{1, 2, 3}), "a key that cannot be read");
}

TEST(Explain, UsesAndPurposes) {
    EXPECT_EQ(key_usage_text(key_cert_sign | crl_sign), "keyCertSign, cRLSign");
    EXPECT_EQ(key_usage_text(0), "nothing");
    EXPECT_EQ(purpose_text(oid_client_auth), "clientAuth");
    EXPECT_EQ(purpose_text(oid_cmc_ra), "cmcRA");
    EXPECT_EQ(purpose_text("1.2.3.4.5.6"), "1.2.3.4.5.6");
}

TEST(Explain, Extensions) {
    const auto root = test::make_root("explained", crypto::signature_algorithm::ecdsa_p256_sha256);
    test::named_random random("explained");
    issued_extras extras;
    extras.crl_urls = {"http://a/b"};
    extras.epoch = 3;
    const auto key = test::signature_key("explained");
    const auto leaf = test::value_of(
        issue(client_template("Test", "leaf", test::usual), extras, key.public_key().spki(), root.certificate, root.key, random));
    EXPECT_EQ(signature_text(leaf), "ecdsa-with-SHA256");
    std::vector<std::string> names;
    for (const auto& e : extensions_of(leaf)) {
        names.push_back(e.name + (e.critical ? "!" : ""));
        EXPECT_TRUE(e.understood) << e.oid;
    }
    EXPECT_THAT(names, testing::UnorderedElementsAre("keyUsage!", "extendedKeyUsage", "subjectKeyIdentifier",
                                                     "authorityKeyIdentifier", "crlDistributionPoints", "epoch"));
}

}  // namespace

}  // namespace berth::pki

// Bundles of certificates: CMS SignedData without signers (RFC 5272 4.1).
#include "pki/certs_only.h"

#include "pki/crl.h"
#include "support/made_up_csr.h"

namespace berth::pki {

namespace {

using namespace test;

std::string refusal(const bytes& der, const certs_only_limits& limits = {}) {
    return name_of_error(parse_certs_only(der, limits));
}

TEST(CertsOnly, WhatIsPutInComesOutInOrder) {
    const auto a = make_root("a", crypto::signature_algorithm::ecdsa_p256_sha256);
    const auto b = make_root("b", crypto::signature_algorithm::mldsa87);
    const std::vector<certificate> both{b.certificate, a.certificate};
    const certs_only bundle = value_of(parse_certs_only(build_certs_only(both)));
    EXPECT_EQ(bundle.certificates, both);
    EXPECT_TRUE(bundle.crls.empty());
    EXPECT_TRUE(value_of(parse_certs_only(build_certs_only({}))).certificates.empty());
}

TEST(CertsOnly, RevocationListsMayComeAlong) {
    const auto root = make_root("with list", crypto::signature_algorithm::ecdsa_p256_sha256);
    const crl list = value_of(issue_crl({1, test_now, test_now + day, {}}, root.certificate, root.key));
    const certs_only bundle = value_of(parse_certs_only(build_certs_only(std::span(&root.certificate, 1), std::span(&list, 1))));
    ASSERT_EQ(bundle.crls.size(), 1u);
    EXPECT_TRUE(same_octets(bundle.crls.front().der(), list.der()));
}

TEST(CertsOnly, LimitsHold) {
    const auto root = make_root("limits", crypto::signature_algorithm::ecdsa_p256_sha256);
    const std::vector<certificate> three(3, root.certificate);
    const bytes der = build_certs_only(three);
    EXPECT_EQ(refusal(der, {.certificates = 2}), "bad_certs_only");
    EXPECT_EQ(refusal(der, {.octets = der.size() - 1}), "bad_certs_only");
    EXPECT_EQ(refusal(der, {.octets = der.size(), .certificates = 3}), "accepted");
}

TEST(CertsOnly, OtherStructuresAreRefused) {
    const auto root = make_root("strict", crypto::signature_algorithm::ecdsa_p256_sha256);
    bytes der = build_certs_only(std::span(&root.certificate, 1));
    EXPECT_EQ(refusal({}), "bad_certs_only");
    EXPECT_EQ(refusal(text_of("nonsense")), "bad_certs_only");
    EXPECT_EQ(refusal(to_bytes(root.certificate.der())), "bad_certs_only");           // what some servers send instead
    EXPECT_EQ(refusal(sequence({hex("06092a864886f70d010701")})), "bad_certs_only");  // data
    EXPECT_EQ(refusal(sequence({hex("06092a864886f70d010702")})), "bad_certs_only");  // SignedData without anything
    der.push_back(0);
    EXPECT_EQ(refusal(der), "bad_certs_only");
    der.resize(der.size() - 2);
    EXPECT_EQ(refusal(der), "bad_certs_only");
}

// RFC 5272 4.1: "no EncapsulatedContentInfo and no SignerInfo".
TEST(CertsOnly, ContentIsRefused) {
    const bytes content = sequence({hex("06092a864886f70d010701"), tlv(0xa0, tlv(0x04, text_of("x")))});
    const bytes data = sequence({bytes{2, 1, 1}, set({}), content, set({})});
    EXPECT_EQ(refusal(sequence({hex("06092a864886f70d010702"), tlv(0xa0, data)})), "bad_certs_only");
    const bytes plain = sequence({bytes{2, 1, 1}, set({}), sequence({hex("06092a864886f70d010701")}), set({})});
    EXPECT_EQ(refusal(sequence({hex("06092a864886f70d010702"), tlv(0xa0, plain)})), "accepted");
}

// Indefinite lengths are what programs in Java write; BER is allowed for what nobody signs.
TEST(CertsOnly, BerIsRead) {
    const bytes inner = sequence({bytes{2, 1, 1}, set({}), sequence({hex("06092a864886f70d010701")}), set({})});
    const bytes der = concat({hex("3080"), hex("06092a864886f70d010702"), hex("a080"), inner, hex("0000"), hex("0000")});
    EXPECT_EQ(refusal(der), "accepted");
}

}  // namespace

}  // namespace berth::pki

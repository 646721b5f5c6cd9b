// Certificates made by others: RFC 9881, RFC 9935, composite ML-KEM, and the AuthKEM profile's own vectors.
#include "pki/certificate.h"
#include "pki/verify.h"
#include "support/vectors.h"

namespace berth::pki {

namespace {

using test::text;
using test::unbase64;

verify_options at_issue(const certificate& leaf, leaf_rule rule) {
    verify_options options;
    options.time = validity_instants::at(leaf.not_before());
    options.leaf = rule;
    return options;
}

TEST(PublishedCertificates, MlDsaCertificatesAreSelfSigned) {
    for (const std::string name : {"ML-DSA-44", "ML-DSA-65", "ML-DSA-87"}) {
        const auto pem = test::vector_text("ml-dsa-certificates/" + name + ".crt");
        if (!pem) {
            GTEST_SKIP() << "ml-dsa-certificates not found below " << test::vectors_dir();
        }
        const auto c = certificate::parse_pem(*pem);
        ASSERT_TRUE(c) << name << ": " << c.error().message;
        EXPECT_TRUE(c->check_signature(*c)) << name;
        EXPECT_TRUE(c->verification_key()) << name;
    }
}

TEST(PublishedCertificates, MlKemCertificatesHoldTheirKeys) {
    for (const std::string name : {"ML-KEM-768", "ML-KEM-1024"}) {
        const auto pem = test::vector_text("ml-kem-certificates/" + name + ".crt");
        if (!pem) {
            GTEST_SKIP() << "ml-kem-certificates not found below " << test::vectors_dir();
        }
        const auto c = certificate::parse_pem(*pem);
        ASSERT_TRUE(c) << name << ": " << c.error().message;
        EXPECT_TRUE(c->is_kem());
        EXPECT_TRUE(c->kem_key()) << name;
        EXPECT_EQ(c->key_usage(), key_encipherment);
        bool verified_once = false;
        // Its issuer is the ML-DSA example of the sister document.
        for (const std::string ca : {"ML-DSA-44", "ML-DSA-65", "ML-DSA-87"}) {
            const auto ca_pem = test::vector_text("ml-dsa-certificates/" + ca + ".crt");
            const auto issuer = certificate::parse_pem(ca_pem.value_or(""));
            if (!issuer || !c->check_signature(*issuer)) {
                continue;
            }
            const auto store = trust_store::from_root(*issuer);
            ASSERT_TRUE(store) << store.error().message;
            const auto verified = verify_chain(*store, std::span(&*c, 1), at_issue(*c, leaf_rule::kem));
            EXPECT_TRUE(verified) << name << ": " << verified.error().message;
            verified_once = true;
        }
        EXPECT_TRUE(verified_once) << name;
    }
}

TEST(PublishedCertificates, CompositeLeavesVerify) {
    BERTH_JSON_VECTORS(all, "composite-kem/testvectors.json");
    const auto root = certificate::parse(unbase64(all.at("cacert")));
    ASSERT_TRUE(root) << root.error().message;
    const auto store = trust_store::from_root(*root);
    ASSERT_TRUE(store) << store.error().message;
    int verified = 0;
    int foreign = 0;
    for (const auto& v : all.at("tests").as_array()) {
        const auto leaf = certificate::parse(unbase64(v.at("x5c")));
        ASSERT_TRUE(leaf) << leaf.error().message;
        const auto outcome = verify_chain(*store, std::span(&*leaf, 1), at_issue(*leaf, leaf_rule::kem));
        if (leaf->is_kem()) {
            EXPECT_TRUE(outcome) << text(v.at("tcId")) << ": " << outcome.error().message;
            EXPECT_EQ(to_bytes(leaf->kem_key()->raw()), unbase64(v.at("ek")));
            ++verified;
        } else {
            ASSERT_FALSE(outcome);
            EXPECT_EQ(outcome.error().name, "unsupported_certificate");
            ++foreign;
        }
    }
    EXPECT_EQ(verified, 4);
    EXPECT_EQ(foreign, 1);
}

TEST(PublishedCertificates, AuthKemVectors) {
    BERTH_JSON_VECTORS(all, "authkem/mutual_client_p256.json");
    std::vector<certificate> certificates;
    for (const auto& member : all.at("certificates").as_object()) {
        const auto c = certificate::parse(test::hex(member.value()));
        ASSERT_TRUE(c) << c.error().message;
        certificates.push_back(*c);
    }
    trust_store::contents contents;
    for (const certificate& c : certificates) {
        if (c.is_ca()) {
            contents.anchors.push_back(c);
        }
    }
    const auto store = trust_store::build(contents);
    ASSERT_TRUE(store) << store.error().message;
    int leaves = 0;
    for (const certificate& c : certificates) {
        if (!c.is_ca()) {
            verify_options options;
            options.time = validity_instants::at(all.at("clock").as_int64());
            const auto outcome = verify_chain(*store, std::span(&c, 1), options);
            EXPECT_TRUE(outcome) << outcome.error().message;
            ++leaves;
        }
    }
    EXPECT_GE(leaves, 2);
}

}  // namespace

}  // namespace berth::pki

// The PKCS#11 back end over SoftHSM.
#include "backend_suite.h"
#include "keystore_suite.h"
#include "support/softhsm.h"

namespace berth::keystore {

namespace {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(KemKeyConformance);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SigningKeyConformance);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(BackendConformance);

struct module_with_token {
    test::softhsm hsm;
    module_with_token() { hsm.add_token("berth"); }
};

std::string uri(const std::string& key) {
    static const module_with_token one;
    return one.hsm.uri("berth", key);
}

std::vector<kem_case> kem_cases() {
    std::vector<kem_case> all;
    for (const auto alg : {crypto::kem_algorithm::mlkem768_p256, crypto::kem_algorithm::mlkem1024_p384}) {
        all.push_back({std::string(name_of(alg)), [alg] {
                           const std::string name = uri("object=" + std::string(name_of(alg)));
                           static_cast<void>(remove_key(name));
                           return test::value_of(make_kem_key(name, alg));
                       }});
    }
    return test::softhsm::installed() ? all : std::vector<kem_case>();
}

std::vector<signing_case> signing_cases() {
    std::vector<signing_case> all;
    for (const auto alg : {crypto::signature_algorithm::ecdsa_p256_sha256, crypto::signature_algorithm::ecdsa_p384_sha384}) {
        all.push_back({std::string(name_of(alg)), [alg] {
                           const std::string name = uri("object=" + std::string(name_of(alg)));
                           static_cast<void>(remove_key(name));
                           return test::value_of(make_signing_key(name, alg));
                       }});
    }
    return test::softhsm::installed() ? all : std::vector<signing_case>();
}

std::vector<backend_case> backend_cases() {
    if (!test::softhsm::installed()) {
        return {};
    }
    return {{"by_label", [] { return uri("object=signer"); }, [] { return uri("object=a%20hybrid"); }},
            {"by_id", [] { return uri("object=signer;id=%01%02;type=private"); }, [] { return uri("id=%03;object=hybrid"); }}};
}

INSTANTIATE_TEST_SUITE_P(Pkcs11, KemKeyConformance, testing::ValuesIn(kem_cases()), kem_case::name);
INSTANTIATE_TEST_SUITE_P(Pkcs11, SigningKeyConformance, testing::ValuesIn(signing_cases()), signing_case::name);
INSTANTIATE_TEST_SUITE_P(Pkcs11, BackendConformance, testing::ValuesIn(backend_cases()), backend_case::name);

// The cases above cannot say why there are none.
TEST(Pkcs11Conformance, HasAToken) {
    BERTH_NEEDS_SOFTHSM();
    EXPECT_EQ(test::value_of(random_octets(uri("object=any"), 40)).size(), 40U);
}

}  // namespace

}  // namespace berth::keystore

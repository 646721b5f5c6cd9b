#include "keystore/software.h"
#include "keystore_suite.h"

namespace berth::keystore {

namespace {

std::vector<kem_case> kem_cases() {
    std::vector<kem_case> all;
    for (const auto alg : crypto::all_kem_algorithms) {
        all.push_back({std::string(crypto::name_of(alg)), [alg] { return software_kem_key(test::kem_key("conformance", alg)); }});
    }
    return all;
}

std::vector<signing_case> signing_cases() {
    std::vector<signing_case> all;
    for (const auto alg : crypto::all_signature_algorithms) {
        all.push_back(
            {std::string(crypto::name_of(alg)), [alg] { return software_signing_key(test::signature_key("conformance", alg)); }});
    }
    return all;
}

INSTANTIATE_TEST_SUITE_P(Software, KemKeyConformance, testing::ValuesIn(kem_cases()), kem_case::name);
INSTANTIATE_TEST_SUITE_P(Software, SigningKeyConformance, testing::ValuesIn(signing_cases()), signing_case::name);

}  // namespace

}  // namespace berth::keystore

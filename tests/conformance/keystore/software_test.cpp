#include "backend_suite.h"
#include "keystore/software.h"
#include "keystore_suite.h"
#include "pki/private_key_file.h"

#include <filesystem>

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

struct temporary_directory {
    std::string path = testing::TempDir() + "berth-keys-XXXXXX";
    temporary_directory() { EXPECT_NE(mkdtemp(path.data()), nullptr); }
    ~temporary_directory() { std::filesystem::remove_all(path); }
};

std::string in_directory(const std::string& name) {
    static const temporary_directory one;
    return "file:" + one.path + "/" + name;
}

INSTANTIATE_TEST_SUITE_P(Software, BackendConformance,
                         testing::Values(backend_case{"files", [] { return in_directory("signing.pem"); },
                                                      [] { return in_directory("kem.pem"); }}),
                         backend_case::name);

TEST(SoftwareBackend, KeepsKeysUnderAPassphrase) {
    const open_options options{.base_directory = {}, .passphrase = secret_bytes(as_bytes("pass"))};
    const std::string uri = in_directory("encrypted.pem");
    const auto made = test::value_of(make_signing_key(uri, crypto::signature_algorithm::mldsa44, options));
    EXPECT_EQ(test::name_of_error(open_signing_key(uri)), "passphrase_required");
    EXPECT_EQ(test::value_of(open_signing_key(uri, options))->public_key(), made->public_key());
    EXPECT_TRUE(remove_key(uri)) << "who forgot the passphrase may still delete the key";
}

TEST(SoftwareBackend, DeletesNothingButKeys) {
    const std::string uri = in_directory("notes.txt");
    const std::string path = uri.substr(uri.find('/'));
    ASSERT_TRUE(pki::write_file_atomically(path, as_bytes("notes"), 0600));
    EXPECT_EQ(test::name_of_error(remove_key(uri)), "bad_pem");
    EXPECT_TRUE(std::filesystem::exists(path));
    EXPECT_EQ(test::name_of_error(make_signing_key(uri, crypto::signature_algorithm::mldsa44)), "key_exists");
}

}  // namespace

}  // namespace berth::keystore

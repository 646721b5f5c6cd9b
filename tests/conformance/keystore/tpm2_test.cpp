#include "backend_suite.h"
#include "keystore/key_uri.h"
#include "keystore/tpm2/devid.h"
#include "keystore/tpm2/keys.h"
#include "keystore_suite.h"
#include "pki/private_key_file.h"
#include "support/swtpm.h"

namespace berth::keystore {

namespace {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(KemKeyConformance);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SigningKeyConformance);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(BackendConformance);

// One TPM for all cases, with a key of each kind.
struct tpm_with_keys {
    test::swtpm chip;
    tpm2::device_ptr device;

    tpm_with_keys() {
        device = test::value_of(tpm2::device::shared(chip.tcti()));
        const tpm2::devid_layout at;
        test::value_of(tpm2::establish(device, tpm2::idevid_template(), at.idevid));
        attestation::public_area p384 = tpm2::idevid_template();
        p384.attributes &= ~static_cast<uint32_t>(attestation::admin_with_policy);
        p384.policy.clear();
        p384.curve = attestation::tpm_curve::p384;
        p384.name_alg = attestation::tpm_alg::sha384;
        p384.scheme_hash = attestation::tpm_alg::sha384;
        test::value_of(tpm2::establish(device, p384, 0x81020384));
        test::named_random random("hybrid");
        const auto sealed = test::value_of(tpm2::make_hybrid_key(device, at.kem, tpm2::always{}, random));
        EXPECT_TRUE(pki::write_file_atomically((chip.directory() / "kem.pem").string(), as_bytes(sealed.to_pem()), 0600));
    }
};

tpm_with_keys& tpm() {
    static tpm_with_keys one;
    return one;
}

// By name, as everybody opens keys; but through the one connection that is open.
std::string uri(const std::string& handle) {
    return "tpm2:" + handle + ";tcti=" + tpm().chip.tcti();
}

std::vector<kem_case> kem_cases() {
    if (!test::swtpm::installed()) {
        return {};
    }
    return {{"mlkem768_p256",
             [] {
                 return test::value_of(open_kem_key(uri("0x81020002;seed=kem.pem"),
                                                    {.base_directory = tpm().chip.directory().string(), .passphrase = {}}));
             },
             5}};
}

std::vector<signing_case> signing_cases() {
    if (!test::swtpm::installed()) {
        return {};
    }
    return {{"ecdsa_p256_sha256", [] { return test::value_of(open_signing_key(uri("0x81020000"))); }, 5},
            {"ecdsa_p384_sha384", [] { return test::value_of(open_signing_key(uri("0x81020384"))); }, 5}};
}

INSTANTIATE_TEST_SUITE_P(Tpm2, KemKeyConformance, testing::ValuesIn(kem_cases()), kem_case::name);
INSTANTIATE_TEST_SUITE_P(Tpm2, SigningKeyConformance, testing::ValuesIn(signing_cases()), signing_case::name);

std::vector<backend_case> backend_cases() {
    if (!test::swtpm::installed()) {
        return {};
    }
    return {{"in_swtpm", [] { return uri("0x81000002"); },
             [] { return uri("0x81000003;seed=" + (tpm().chip.directory() / "owner.pem").string()); }}};
}

INSTANTIATE_TEST_SUITE_P(Tpm2, BackendConformance, testing::ValuesIn(backend_cases()), backend_case::name);

// A holder keeps the storage root open that is persistent, and still works when somebody has put another one there.
TEST(Tpm2Conformance, HoldersFollowTheStorageRoot) {
    BERTH_NEEDS_SWTPM();
    const test::swtpm chip;
    const auto device = test::value_of(tpm2::device::shared(chip.tcti()));
    constexpr uint32_t place = 0x81000001;
    const auto put_root = [&](std::string_view name) {
        attestation::public_area as = tpm2::storage_root_template();
        as.x = to_bytes(as_bytes(name));
        const auto root = test::value_of(tpm2::create_primary(device, tpm2::hierarchy::owner, as));
        EXPECT_TRUE(tpm2::make_persistent(root, place));
    };
    const auto holder = test::value_of(open_holder("tpm2:0x81020000;tcti=" + chip.tcti()));
    const secret_bytes secret(as_bytes("a secret"));
    const bytes below_none = test::value_of(holder->seal(secret));
    put_root("first");
    const bytes below_first = test::value_of(holder->seal(secret));
    EXPECT_EQ(as_text(test::value_of(holder->unseal(below_none)).reveal()), "a secret");
    EXPECT_EQ(as_text(test::value_of(holder->unseal(below_first)).reveal()), "a secret");
    ASSERT_TRUE(tpm2::evict(device, place));
    put_root("second");
    EXPECT_EQ(test::name_of_error(holder->unseal(below_first)), "seal_invalid");
    EXPECT_EQ(as_text(test::value_of(holder->unseal(test::value_of(holder->seal(secret)))).reveal()), "a secret");
    EXPECT_EQ(as_text(test::value_of(holder->unseal(below_none)).reveal()), "a secret");
}

// The cases above cannot say why there are none.
TEST(Tpm2Conformance, HasATpm) {
    BERTH_NEEDS_SWTPM();
    EXPECT_EQ(test::value_of(tpm().device->random(40)).size(), 40U);
}

}  // namespace

}  // namespace berth::keystore

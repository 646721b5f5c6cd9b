// Kept credentials whose keys are made in a chip and stay there: a TPM.
#include "device/installation.h"
#include "keystore/operations.h"
#include "made_up_bundle.h"
#include "support/swtpm.h"

namespace berth::test {
namespace {

#define NEEDS_A_TPM()                                         \
    if (!swtpm::installed()) {                                \
        GTEST_SKIP() << "swtpm and tpm2-tools are not there"; \
    }                                                         \
    const swtpm chip;                                         \
    const auto place = [&](const char* handle) { return fmt::format("tpm2:{};tcti={}", handle, chip.tcti()); }

bool there(const std::string& uri) {
    return keystore::open_signing_key(uri).has_value();
}

TEST_F(KeptFiles, TwoPlacesInAChipAreUsedInTurn) {
    NEEDS_A_TPM();
    wish_.places = {place("0x81020010"), place("0x81020011")};
    add(test_now, test_now + day, test_now + 10);
    ASSERT_TRUE(files_.accepted(1));
    EXPECT_TRUE(there(wish_.places[0]) && !there(wish_.places[1]));

    add(test_now + 10, test_now + 2 * day, test_now + day);
    EXPECT_EQ(mend(test_now + 20).certified.size(), 2U);
    EXPECT_TRUE(there(wish_.places[0]) && there(wish_.places[1]));
    ASSERT_TRUE(files_.accepted(2));
    auto k = mend(test_now + 20);
    ASSERT_EQ(k.certified.size(), 1U);
    EXPECT_TRUE(files_.open(k.certified[0]));
    EXPECT_TRUE(!there(wish_.places[0]) && there(wish_.places[1])) << "the former key is deleted in the chip, too";

    // The third is in the first place again; nobody accepts it, and the fourth takes its place.
    add(test_now + 20, test_now + 3 * day, test_now + day);
    const bytes third = to_bytes(value_of(keystore::open_signing_key(wish_.places[0]))->public_key().spki());
    const auto fourth = value_of(files_.await_key(wish_, test_now + 30, crypto::system_random()));
    EXPECT_FALSE(same_octets(third, app::spki_of(fourth.key)));
    EXPECT_TRUE(there(wish_.places[1])) << "the one that was accepted stays";
    EXPECT_EQ(mend(test_now + 30).current, 2U);
}

// What no chip computes: in files that this TPM alone opens, used in turn like places in it.
TEST_F(KeptFiles, PostQuantumKeysAreSealedToAChip) {
    NEEDS_A_TPM();
    const auto sealed = [&](const char* file) { return fmt::format("sealed:{};by={}", file, place("0x81000001")); };
    wish_.algorithm = crypto::signature_algorithm::mldsa65;
    wish_.places = {sealed("pq-1.sealed"), sealed("pq-2.sealed")};
    add(test_now, test_now + day, test_now + 10);
    ASSERT_TRUE(files_.accepted(1));
    const auto first = bundle_.directory / "pq-1.sealed";
    EXPECT_TRUE(std::filesystem::exists(first));
    EXPECT_FALSE(std::filesystem::exists(files_.path_of(1) / "key.pem"));

    add(test_now + 10, test_now + 2 * day, test_now + day);
    ASSERT_TRUE(files_.accepted(2));
    const auto k = mend(test_now + 20);
    ASSERT_EQ(k.certified.size(), 1U);
    const auto key = value_of(files_.open(k.certified[0]));
    EXPECT_EQ(std::get<keystore::signing_key_ptr>(key)->able().backend, "sealed");
    EXPECT_FALSE(std::filesystem::exists(first)) << "the former key goes";
}

TEST_F(KeptFiles, OnePlaceInAChipKeepsItsKey) {
    NEEDS_A_TPM();
    wish_.places = {place("0x81020010")};
    add(test_now, test_now + day, test_now + 10);
    ASSERT_TRUE(files_.accepted(1));
    const bytes first = to_bytes(value_of(keystore::open_signing_key(wish_.places[0]))->public_key().spki());
    add(test_now + 10, test_now + 2 * day, test_now + day);
    ASSERT_TRUE(files_.accepted(2));
    const auto k = mend(test_now + 20);
    ASSERT_EQ(k.certified.size(), 1U);
    const auto after = keystore::open_signing_key(wish_.places[0]);
    ASSERT_TRUE(after) << "the key goes with the last certificate that is of it";
    EXPECT_TRUE(same_octets(first, (*after)->public_key().spki()));
}

TEST_F(KeptFiles, AKeyOfSomethingElseInAChipIsNotTaken) {
    NEEDS_A_TPM();
    wish_.places = {place("0x81020010")};
    const auto others = value_of(keystore::make_signing_key(wish_.places[0], crypto::signature_algorithm::ecdsa_p256_sha256));
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(name_of_error(files_.await_key(wish_, test_now, crypto::system_random())), "key_exists");
    }
    EXPECT_TRUE(app::installation(bundle_).reset());
    EXPECT_TRUE(there(wish_.places[0])) << "nor is it deleted";
}

TEST_F(KeptFiles, AKeyThatWasNotedAndNotMadeIsMade) {
    NEEDS_A_TPM();
    wish_.places = {place("0x81020010")};
    ASSERT_TRUE(app::make_directory(files_.path_of(1)));
    ASSERT_TRUE(app::write_text(files_.path_of(1) / "key.uri", wish_.places[0] + "\n", 0600));
    const auto made = value_of(files_.await_key(wish_, test_now, crypto::system_random()));
    EXPECT_EQ(made.number, 1U);
    EXPECT_TRUE(there(wish_.places[0]));
    EXPECT_TRUE(app::installation(bundle_).reset());
    EXPECT_FALSE(there(wish_.places[0])) << "the customer's keys go with the customer";
}

}  // namespace
}  // namespace berth::test

// What is in a chip is looked at before it is deleted, and no more is deleted than that.
#include "setup/chip_contents.h"

#include "common/files.h"
#include "keystore/operations.h"
#include "keystore/tpm2/devid.h"
#include "keystore/tpm2/nv.h"
#include "support/onboarding_parties.h"
#include "support/swtpm.h"
#include "support/test_pki.h"

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class ChipContents : public testing::Test {
protected:
    void SetUp() override {
        BERTH_NEEDS_SWTPM();
        tpm.emplace();
        p3 = "tpm2:0x81020002;seed=" + (directory.path() / "p3.seed").string() + ";tcti=" + tpm->tcti();
        p3_sig = "tpm2:0x81020000;tcti=" + tpm->tcti();
        ASSERT_TRUE(keystore::make_kem_key(p3, crypto::kem_algorithm::mlkem768_p256));
    }
    temporary_directory directory;
    std::optional<swtpm> tpm;
    std::string p3, p3_sig;
};

// The file may be a finished device's, of another chip: its only copy.
TEST_F(ChipContents, KeysAreClearedAndNoFile) {
    ASSERT_TRUE(keystore::make_signing_key(p3_sig, crypto::signature_algorithm::ecdsa_p256_sha256));
    ASSERT_TRUE(app::clear_keys({p3, "", p3_sig}));
    EXPECT_FALSE(keystore::open_signing_key(p3_sig));
    EXPECT_TRUE(fs::exists(directory.path() / "p3.seed"));
    EXPECT_EQ(keystore::open_kem_key(p3).error().name, "key_not_found");
    EXPECT_TRUE(app::clear_keys({p3, p3_sig})) << "there is nothing left";
}

// An index that cannot be read is no index without a certificate: whose device it is, is not known.
TEST_F(ChipContents, WhatCannotBeReadIsNotNothing) {
    namespace tpm2 = keystore::tpm2;
    const auto in = got(tpm2::device::shared(tpm->tcti()));
    const tpm2::devid_layout usual;
    constexpr uint32_t read_by_policy = 1U << 19U;
    ASSERT_TRUE(tpm2::nv_define(in, {usual.idevid_certificate, tpm2::nv_owner_write | read_by_policy, 600}));
    EXPECT_FALSE(app::look_into_chip(p3, p3_sig));
    ASSERT_TRUE(tpm2::nv_undefine(in, usual.idevid_certificate));
    EXPECT_TRUE(app::look_into_chip(p3, p3_sig));
    ASSERT_TRUE(tpm2::nv_define(in, {usual.idevid_certificate, tpm2::nv_owner_write | tpm2::nv_owner_read, 600}));
    EXPECT_TRUE(app::look_into_chip(p3, p3_sig)) << "nothing was ever written there";
}

TEST_F(ChipContents, AreFoundInTheUnitsThatHaveThem) {
    EXPECT_TRUE(got(app::look_into_chip(p3, p3_sig)).keys.empty());
    const auto key = got(keystore::make_signing_key(p3_sig, crypto::signature_algorithm::ecdsa_p256_sha256));
    const auto there = got(app::look_into_chip(p3, p3_sig));
    ASSERT_EQ(there.keys.size(), 1U);
    EXPECT_TRUE(same_octets(there.keys.front(), key->public_key().spki()));
    EXPECT_TRUE(there.certificates.empty());

    const auto maker = make_root("maker", crypto::signature_algorithm::ecdsa_p256_sha256);
    pki::certificate_template contents;
    contents.subject.add("serialNumber", "SN-1");
    contents.not_before = usual.not_before;
    contents.not_after = usual.not_after;
    contents.key_usage = pki::digital_signature;
    const auto certificate = issue(maker, contents, key->public_key().spki());
    for (const char* unit : {".SN-1.making", "SN-1"}) {
        EXPECT_EQ(got(app::unit_with_key(directory.path(), there.keys)), "") << "what is being made is no unit";
        fs::create_directory(directory.path() / unit);
        ASSERT_TRUE(app::write_text(directory.path() / unit / "z3-sig.pem", certificate.to_pem()));
    }
    EXPECT_EQ(got(app::unit_with_key(directory.path(), there.keys)), "SN-1");
    EXPECT_EQ(got(app::unit_with_key(directory.path(), {bytes(91, 1)})), "");
    EXPECT_EQ(got(app::unit_with_key(directory.path() / "none", there.keys)), "");
}

}  // namespace
}  // namespace berth::test

// What is in a chip is looked at before it is deleted, and no more is deleted than that.
#include "setup/chip_contents.h"

#include "common/files.h"
#include "keystore/operations.h"
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

// Authorities whose keys are where NAME.uri says; here these are files, so that one can look at them.
#include "common/files.h"
#include "setup/keys.h"
#include "support/onboarding_parties.h"

namespace berth::test {
namespace {

namespace fs = std::filesystem;

constexpr auto p256 = crypto::signature_algorithm::ecdsa_p256_sha256;

class Places : public testing::Test {
protected:
    Places() { fs::current_path(directory.path()); }
    ~Places() override { fs::current_path(before); }
    static app::authority root(const std::string& name, crypto::signature_algorithm algorithm = p256) {
        return got(app::make_root("ca", name, pki::root_template("Test", name, {1'700'000'000, 1'900'000'000}), algorithm,
                                  crypto::system_random()));
    }
    const fs::path before = fs::current_path();
    temporary_directory directory;
};

TEST_F(Places, AreRelativeToTheDirectory) {
    const auto made = root("z1");
    EXPECT_TRUE(fs::exists("ca/z1.key"));
    EXPECT_EQ(got(app::open_authority("ca", "z1")).key->public_key(), made.key->public_key());

    ASSERT_TRUE(app::write_text("ca/z2.uri", "file:elsewhere.pem\n"));
    const auto placed = root("z2");
    EXPECT_TRUE(fs::exists("ca/elsewhere.pem"));
    EXPECT_FALSE(fs::exists("ca/z2.key"));
    EXPECT_EQ(got(app::open_authority("ca", "z2")).key->public_key(), placed.key->public_key());
    EXPECT_EQ(got(app::key_name("ca", "z2")), "file:elsewhere.pem");
    EXPECT_EQ(got(app::key_name("ca", "z1")), "file:z1.key");
}

TEST_F(Places, AKeyOfAnotherAlgorithmIsNotTaken) {
    fs::create_directory("ca");
    ASSERT_TRUE(app::write_text("ca/z1.uri", "file:elsewhere.pem\n"));
    const auto first = root("z1");
    fs::remove("ca/z1.pem");
    EXPECT_EQ(root("z1").key->public_key(), first.key->public_key()) << "what is there is used";
    fs::remove("ca/z1.pem");
    const auto refused = app::make_root("ca", "z1", pki::root_template("Test", "z1", {1'700'000'000, 1'900'000'000}),
                                        crypto::signature_algorithm::mldsa44, crypto::system_random());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().name, "wrong_algorithm");
    EXPECT_FALSE(fs::exists("ca/z1.pem"));
}

}  // namespace
}  // namespace berth::test

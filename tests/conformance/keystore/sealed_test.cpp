#include "backend_suite.h"
#include "keystore/places.h"
#include "pki/private_key_file.h"
#include "support/swtpm.h"

#include <filesystem>

#include <sys/stat.h>

namespace berth::keystore {

namespace {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(BackendConformance);

test::swtpm& tpm() {
    static test::swtpm one;
    return one;
}

std::string file(const std::string& name) {
    return (tpm().directory() / name).string();
}

// A TPM seals for whoever has it: there need be no key at that handle.
std::string uri(const std::string& name, const test::swtpm& by = tpm()) {
    return "sealed:" + file(name) + ";by=tpm2:0x81000001;tcti=" + by.tcti();
}

std::vector<backend_case> backend_cases() {
    if (!test::swtpm::installed()) {
        return {};
    }
    return {{"to_swtpm", [] { return uri("signing.sealed"); }, [] { return uri("kem.sealed"); }}};
}

INSTANTIATE_TEST_SUITE_P(Sealed, BackendConformance, testing::ValuesIn(backend_cases()), backend_case::name);

class SealedKeys : public testing::Test {
protected:
    void SetUp() override {
        if (!test::swtpm::installed()) {
            GTEST_SKIP() << "swtpm is not installed";
        }
    }
    static bytes contents(const std::string& name) { return test::value_of(pki::read_file(file(name), 1 << 20)); }
    static void put(const std::string& name, bytes_view octets) {
        ASSERT_TRUE(pki::write_file_atomically(file(name), octets, 0600));
    }
};

TEST_F(SealedKeys, OpenWithTheirChipAlone) {
    const auto made = test::value_of(make_signing_key(uri("mldsa.sealed"), crypto::signature_algorithm::mldsa65));
    EXPECT_EQ(made->able().backend, "sealed");
    EXPECT_TRUE(made->able().post_quantum);
    struct stat s{};
    ASSERT_EQ(::stat(file("mldsa.sealed").c_str(), &s), 0);
    EXPECT_EQ(s.st_mode & 0777U, 0600U);
    EXPECT_EQ(as_text(contents("mldsa.sealed")).find("PRIVATE KEY"), std::string_view::npos);

    const test::swtpm another;
    EXPECT_EQ(test::name_of_error(open_signing_key(uri("mldsa.sealed", another))), "seal_invalid");
    EXPECT_EQ(test::name_of_error(open_kem_key(uri("mldsa.sealed"))), "wrong_key_kind");
    EXPECT_EQ(test::value_of(open_signing_key(uri("mldsa.sealed")))->public_key(), made->public_key());
    // Who lost the chip may still delete what is left.
    EXPECT_TRUE(remove_key(uri("mldsa.sealed", another)));
}

TEST_F(SealedKeys, ThatWereChangedAreNone) {
    ASSERT_TRUE(make_kem_key(uri("changed.sealed"), crypto::kem_algorithm::mlkem768));
    const bytes good = contents("changed.sealed");
    const std::string text(as_text(good));
    const size_t first_line = text.find('\n') + 1;
    // In the middle: of what the chip has sealed, or of the key under it.
    for (const size_t at : {first_line + 20, text.size() / 2, text.rfind('\n', text.rfind("-----END")) - 10}) {
        bytes bad = good;
        bad[at] = bad[at] == 'A' ? 'B' : 'A';
        put("changed.sealed", bad);
        const auto opened = open_kem_key(uri("changed.sealed"));
        ASSERT_FALSE(opened) << at;
        EXPECT_TRUE(opened.error().is("bad_sealed_key") || opened.error().is("seal_invalid")) << opened.error().name;
    }
    put("changed.sealed", as_bytes("notes"));
    EXPECT_EQ(test::name_of_error(open_kem_key(uri("changed.sealed"))), "bad_sealed_key");
    EXPECT_EQ(test::name_of_error(remove_key(uri("changed.sealed"))), "bad_sealed_key");
    EXPECT_TRUE(std::filesystem::exists(file("changed.sealed")));
    EXPECT_EQ(test::name_of_error(make_kem_key(uri("changed.sealed"), crypto::kem_algorithm::mlkem768)), "key_exists");
    put("changed.sealed", good);
    ASSERT_EQ(::chmod(file("changed.sealed").c_str(), 0644), 0);
    EXPECT_EQ(test::name_of_error(open_kem_key(uri("changed.sealed"))), "unsafe_permissions");
}

TEST_F(SealedKeys, HalvesOfTwoFilesAreNoKey) {
    ASSERT_TRUE(make_kem_key(uri("one.sealed"), crypto::kem_algorithm::mlkem768));
    ASSERT_TRUE(make_kem_key(uri("two.sealed"), crypto::kem_algorithm::mlkem768));
    const auto one = contents("one.sealed"), two = contents("two.sealed");
    bytes mixed(one.begin(), one.begin() + static_cast<std::ptrdiff_t>(one.size() / 2));
    mixed.insert(mixed.end(), two.begin() + static_cast<std::ptrdiff_t>(two.size() / 2), two.end());
    put("mixed.sealed", mixed);
    EXPECT_FALSE(open_kem_key(uri("mixed.sealed")));
}

TEST(SealedNames, SayWhoSeals) {
    for (const char* bad : {"sealed:key", "sealed:;by=tpm2:0x81000001", "sealed:key;by=", "sealed:key;by=file:other.pem",
                            "sealed:key;by=other.pem", "sealed:key;by=sealed:other;by=tpm2:0x81000001"}) {
        EXPECT_EQ(test::name_of_error(open_signing_key(bad)), "bad_key_uri") << bad;
        EXPECT_EQ(test::name_of_error(location_of(bad)), "bad_key_uri") << bad;
    }
    const open_options here{.base_directory = "/d", .passphrase = {}};
    const auto place = test::value_of(location_of("sealed:key;by=stsafe:slot=1", here));
    EXPECT_EQ(common_place(place, test::value_of(location_of("file:key", here))), "/d/key");
}

}  // namespace

}  // namespace berth::keystore

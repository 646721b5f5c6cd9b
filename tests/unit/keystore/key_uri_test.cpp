#include "keystore/key_uri.h"
#include "keystore/places.h"
#include "pki/private_key_file.h"
#include "support/test_pki.h"

#include <filesystem>

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace berth::keystore {

namespace {

using test::name_of_error;
using test::value_of;

TEST(KeyUri, EveryScheme) {
    const auto is = [](std::string_view text, key_store_kind kind, std::string_view rest) {
        const key_uri uri = value_of(parse_key_uri(text));
        EXPECT_EQ(uri.kind, kind) << text;
        EXPECT_EQ(uri.rest, rest) << text;
    };
    is("file:p3.pem", key_store_kind::file, "p3.pem");
    is("file:/etc/berth/p3.pem\n", key_store_kind::file, "/etc/berth/p3.pem");
    is("p3.pem", key_store_kind::file, "p3.pem");
    is("/etc/berth/a:b.pem", key_store_kind::file, "/etc/berth/a:b.pem");
    is("tpm2:0x81010001", key_store_kind::tpm2, "0x81010001");
    is("stsafe:slot=1", key_store_kind::stsafe, "slot=1");
    is("pkcs11:token=x;object=y", key_store_kind::pkcs11, "token=x;object=y");
    EXPECT_EQ(value_of(parse_key_uri("p3.pem")).text(), "file:p3.pem");
    EXPECT_EQ(value_of(parse_key_uri("tpm2:0x81010001")).text(), "tpm2:0x81010001");
}

TEST(KeyUri, WhatNamesNoKey) {
    for (const std::string_view text : {"", "\n", "file:", "tpm2:", "https://example.com/key", "tpm:1", "a\tb"}) {
        EXPECT_EQ(name_of_error(parse_key_uri(text)), "bad_key_uri") << text;
    }
    EXPECT_EQ(name_of_error(parse_key_uri(std::string_view("file:a\0b", 8))), "bad_key_uri");
}

// Whether there is a TPM is not asked before the name makes sense.
TEST(KeyUri, NamesInATpm) {
    for (const std::string_view text :
         {"tpm2:81020000", "tpm2:0x", "tpm2:0x810200001", "tpm2:0x01c00002", "tpm2:0x81020000x",
          "tpm2:0x81020000;seed=", "tpm2:0x81020000;slot=1", "tpm2:0x81020000;seed", "tpm2:0x81020000;;",
          "tpm2:0x81020000;nv=0x81020000", "tpm2:0x81020000;iak=0x01c90000", "tpm2:0x81020000;iak=1"}) {
        EXPECT_EQ(name_of_error(open_kem_key(text)), "bad_key_uri") << text;
        EXPECT_EQ(name_of_error(open_signing_key(text)), "bad_key_uri") << text;
    }
    EXPECT_EQ(name_of_error(open_kem_key("tpm2:0x81020002")), "bad_key_uri") << "a KEM key has a sealed seed";
    EXPECT_EQ(name_of_error(open_signing_key("tpm2:0x81020000;seed=p3.pem")), "bad_key_uri");
    EXPECT_EQ(name_of_error(open_kem_key("tpm2:0x81020002;seed=absent.pem")), "file_not_found");
    const auto key = open_signing_key("tpm2:0x81020000;tcti=device:/dev/null/none");
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().name, "tpm_unavailable");
    EXPECT_EQ(key.error().category, error_category::environment);
}

// Two names of one place are found, whatever else they say.
TEST(KeyUri, WhatMayBeOnePlace) {
    const auto common = [](std::string_view a, std::string_view b) {
        return common_place(value_of(location_of(a)), value_of(location_of(b)));
    };
    EXPECT_EQ(common("tpm2:0x81020000", "tpm2:0x81020000;tcti=x"), "0x81020000");
    EXPECT_EQ(common("tpm2:0x81020002;seed=a", "tpm2:0x81020002;seed=b"), "0x81020002");
    EXPECT_EQ(common("tpm2:0x81020000;tcti=y", "tpm2:0x81020000;tcti=x"), "");
    EXPECT_EQ(common("tpm2:0x81020000", "tpm2:0x81020001"), "");
    EXPECT_EQ(common("stsafe:slot=1", "stsafe:slot=1;device=/dev/i2c-1"), "slot 1");
    EXPECT_EQ(common("stsafe:slot=1", "stsafe:slot=1;device=/dev/i2c-2"), "");
    EXPECT_EQ(common("stsafe:slot=3;zone=1", "stsafe:slot=1"), "zone 1");
    EXPECT_EQ(common("file:a.pem", "./a.pem"), "a.pem");
    EXPECT_EQ(common("file:0x81020000", "tpm2:0x81020000"), "");
    EXPECT_EQ(common("pkcs11:token=a;object=x", "pkcs11:object=x?module-path=/m.so"), "x");
    EXPECT_EQ(common("pkcs11:token=a;object=x", "pkcs11:token=b;object=x"), "");
    EXPECT_EQ(name_of_error(location_of("tpm2:1")), "bad_key_uri");
}

TEST(KeyUri, FilesRelativeToTheirDirectory) {
    std::string directory = testing::TempDir() + "berth-uri-XXXXXX";
    ASSERT_NE(mkdtemp(directory.data()), nullptr);
    const auto kem = test::kem_key("uri");
    const auto signer = test::signature_key("uri");
    ASSERT_TRUE(pki::save_private_key(directory + "/p3.pem", kem));
    ASSERT_TRUE(pki::save_private_key(directory + "/sig.pem", signer, secret_bytes(as_bytes("pass"))));
    open_options options;
    options.base_directory = directory;
    EXPECT_EQ(value_of(open_kem_key("file:p3.pem", options))->public_key(), kem.public_key());
    EXPECT_EQ(value_of(open_kem_key("p3.pem", options))->public_key(), kem.public_key());
    EXPECT_EQ(value_of(open_kem_key(directory + "/p3.pem", options))->public_key(), kem.public_key());
    EXPECT_EQ(name_of_error(open_signing_key("file:p3.pem", options)), "wrong_key_kind");
    EXPECT_EQ(name_of_error(open_kem_key("file:absent.pem", options)), "file_not_found");
    EXPECT_EQ(name_of_error(open_signing_key("sig.pem", options)), "passphrase_required");
    options.passphrase = secret_bytes(as_bytes("pass"));
    EXPECT_EQ(value_of(open_signing_key("sig.pem", options))->public_key(), signer.public_key());
    ASSERT_EQ(chmod((directory + "/p3.pem").c_str(), 0644), 0);
    EXPECT_EQ(name_of_error(open_kem_key("p3.pem", options)), "unsafe_permissions");
    std::filesystem::remove_all(directory);
}

}  // namespace

}  // namespace berth::keystore

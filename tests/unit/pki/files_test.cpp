#include "pki/private_key_file.h"
#include "support/test_pki.h"

#include <filesystem>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace berth::pki {

namespace {

using test::kem_key;
using test::name_of_error;
using test::signature_key;
using test::value_of;

class KeyFile : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = testing::TempDir() + "berth-keys-XXXXXX";
        ASSERT_NE(mkdtemp(pattern.data()), nullptr);
        directory_ = pattern;
    }
    void TearDown() override { std::filesystem::remove_all(directory_); }
    std::string path(const std::string& name = "key.pem") const { return directory_ + "/" + name; }
    static unsigned mode_of(const std::string& path) {
        struct stat about{};
        EXPECT_EQ(stat(path.c_str(), &about), 0);
        return about.st_mode & 0777U;
    }
    size_t files() const { return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(directory_), {})); }
    std::string directory_;
};

secret_bytes passphrase(std::string_view text) {
    return secret_bytes(as_bytes(text));
}

TEST_F(KeyFile, EveryKindOfKey) {
    for (const auto alg : crypto::all_kem_algorithms) {
        const auto key = kem_key("file", alg);
        ASSERT_TRUE(save_private_key(path(), key));
        EXPECT_EQ(mode_of(path()), 0600U);
        EXPECT_EQ(value_of(load_kem_private_key(path())).public_key(), key.public_key());
        EXPECT_EQ(name_of_error(load_signing_key(path())), "wrong_key_kind");
    }
    for (const auto alg : crypto::all_signature_algorithms) {
        const auto key = signature_key("file", alg);
        ASSERT_TRUE(save_private_key(path(), key));
        EXPECT_EQ(value_of(load_signing_key(path())).public_key(), key.public_key());
        EXPECT_EQ(name_of_error(load_kem_private_key(path())), "wrong_key_kind");
    }
    EXPECT_EQ(files(), 1U) << "nothing is left beside";
}

TEST_F(KeyFile, Passphrases) {
    const auto key = kem_key("secret");
    ASSERT_TRUE(save_private_key(path(), key, passphrase("correct horse")));
    const auto text = value_of(read_file(path(), 10'000));
    EXPECT_TRUE(as_text(text).starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    EXPECT_EQ(value_of(load_kem_private_key(path(), passphrase("correct horse"))).public_key(), key.public_key());
    EXPECT_EQ(name_of_error(load_private_key(path())), "passphrase_required");
    EXPECT_EQ(name_of_error(load_private_key(path(), passphrase("wrong"))), "wrong_passphrase");
    EXPECT_EQ(name_of_error(load_private_key(path(), passphrase(""))), "wrong_passphrase");
    ASSERT_TRUE(save_private_key(path("signature.pem"), signature_key("secret"), passphrase("x")));
    EXPECT_TRUE(load_signing_key(path("signature.pem"), passphrase("x")));
}

TEST_F(KeyFile, WhatOthersCanReadIsRefused) {
    ASSERT_TRUE(save_private_key(path(), kem_key("file")));
    for (const unsigned mode : {0640U, 0604U, 0620U, 0660U, 0644U}) {
        ASSERT_EQ(chmod(path().c_str(), mode), 0);
        const auto loaded = load_private_key(path());
        ASSERT_FALSE(loaded) << std::oct << mode;
        EXPECT_EQ(loaded.error().name, "unsafe_permissions");
        EXPECT_NE(loaded.error().message.find("chmod 600"), std::string::npos);
    }
    ASSERT_EQ(chmod(path().c_str(), 0400), 0);
    EXPECT_TRUE(load_private_key(path()));
}

TEST_F(KeyFile, SavingOverAFileKeepsItsModeTight) {
    std::ofstream(path()) << "old";
    ASSERT_EQ(chmod(path().c_str(), 0644), 0);
    ASSERT_TRUE(save_private_key(path(), kem_key("file")));
    EXPECT_EQ(mode_of(path()), 0600U);
}

TEST_F(KeyFile, WhatIsNoKeyIsNamed) {
    EXPECT_EQ(name_of_error(load_private_key(path("absent"))), "file_not_found");
    const auto with_text = [&](const std::string& text) {
        EXPECT_TRUE(write_file_atomically(path(), as_bytes(text), 0600));
        return name_of_error(load_private_key(path()));
    };
    EXPECT_EQ(with_text(""), "bad_pem");
    EXPECT_EQ(with_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "bad_pem");
    EXPECT_EQ(with_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "bad_private_key");
    EXPECT_EQ(with_text(std::string(70'000, 'x')), "file_too_large");
    EXPECT_EQ(name_of_error(save_private_key("/nonexistent-directory/key", kem_key("file"))), "file_error");
}

TEST_F(KeyFile, ReadFileHonoursItsLimit) {
    ASSERT_TRUE(write_file_atomically(path(), as_bytes("12345"), 0644));
    EXPECT_EQ(mode_of(path()), 0644U);
    EXPECT_EQ(as_text(value_of(read_file(path(), 5))), "12345");
    EXPECT_EQ(name_of_error(read_file(path(), 4)), "file_too_large");
}

TEST_F(KeyFile, IsReadIntoAsMuchMemoryAsItHasOctets) {
    constexpr size_t limit = size_t{256} << 20;
    for (const size_t size : {size_t{0}, size_t{1}, size_t{511}, size_t{512}, size_t{513}, size_t{100'000}}) {
        const bytes contents(size, 'x');
        ASSERT_TRUE(write_file_atomically(path(), contents, 0600));
        const auto read = value_of(read_file(path(), limit));
        EXPECT_EQ(read, contents);
        EXPECT_LE(read.capacity(), size + 1024) << "the limit is no reason to allocate";
        EXPECT_TRUE(same_octets(value_of(read_secret_file(path(), limit)).reveal(), contents));
        EXPECT_EQ(value_of(read_file(path(), size)), contents) << "exactly the limit";
        if (size > 0) {
            EXPECT_EQ(name_of_error(read_file(path(), size - 1)), "file_too_large");
        }
    }
}

TEST_F(KeyFile, WithoutASizeIsReadToItsEnd) {
    // What /proc has says that it has no octets.
    const auto read = value_of(read_file("/proc/self/maps", 4 << 20));
    EXPECT_GT(read.size(), 600U);
    EXPECT_EQ(name_of_error(read_file("/proc/self/maps", 600)), "file_too_large");
    ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
    const bytes contents(5000, 'y');
    std::thread writer([&] {
        std::ofstream out(path("pipe"), std::ios::binary);
        out.write(reinterpret_cast<const char*>(contents.data()), static_cast<std::streamsize>(contents.size()));
    });
    EXPECT_EQ(value_of(read_file(path("pipe"), 100'000)), contents);
    writer.join();
}

// What is written to a device or a pipe goes into it: with root's rights a file in the place of /dev/null is everybody's loss.
TEST_F(KeyFile, APipeStaysOne) {
    const std::string pipe = path() + ".pipe";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ASSERT_GE(reader, 0);
    ASSERT_TRUE(write_file_atomically(pipe, as_bytes("octets"), 0600));
    std::array<char, 16> read{};
    EXPECT_EQ(::read(reader, read.data(), read.size()), 6);
    EXPECT_EQ(std::string_view(read.data()), "octets");
    struct stat about{};
    ASSERT_EQ(::stat(pipe.c_str(), &about), 0);
    EXPECT_TRUE(S_ISFIFO(about.st_mode));
    ::close(reader);
}

}  // namespace

}  // namespace berth::pki

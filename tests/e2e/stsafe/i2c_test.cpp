// The program stsafe-sim, and the I2C transport through the real system calls: this binary runs itself again with the shim
// between it and the kernel, and what is tested there is in the suite "Behind".
#include "crypto/random.h"
#include "keystore/key_uri.h"
#include "keystore/stsafe/commands/basic.h"
#include "keystore/stsafe/keys.h"
#include "keystore/stsafe/zone_io.h"
#include "support/test_pki.h"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace berth::keystore::stsafe {

namespace {

using test::name_of_error;
using test::value_of;

constexpr const char* bus_path = "/dev/i2c-77";

pid_t start(const std::vector<std::string>& command, const std::vector<std::string>& more_environment = {}) {
    std::vector<char*> arguments;
    for (const auto& word : command) {
        arguments.push_back(const_cast<char*>(word.c_str()));
    }
    arguments.push_back(nullptr);
    std::vector<char*> environment;
    for (const auto& entry : more_environment) {
        environment.push_back(const_cast<char*>(entry.c_str()));
    }
    for (char** entry = environ; *entry != nullptr; ++entry) {
        environment.push_back(*entry);
    }
    environment.push_back(nullptr);
    pid_t pid = -1;
    EXPECT_EQ(::posix_spawn(&pid, arguments[0], nullptr, nullptr, arguments.data(), environment.data()), 0) << command[0];
    return pid;
}

int wait_for(pid_t pid) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

const std::string simulator = std::string(BERTH_BIN_DIR) + "/stsafe-sim";

// stsafe-sim in a directory of its own.
class StsafeSim : public testing::Test {
protected:
    void SetUp() override {
        directory_ = testing::TempDir() + "berth-sim-XXXXXX";
        ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
        run();
    }
    void TearDown() override {
        end(SIGTERM);
        std::filesystem::remove_all(directory_);
    }
    void run() {
        simulator_ = start({simulator, "--socket", socket(), "--state", directory_ + "/state"});
        for (int i = 0; i < 600 && !open_device(socket()); ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
    }
    int end(int signal) {
        if (simulator_ < 0) {
            return -1;
        }
        ::kill(simulator_, signal);
        return wait_for(std::exchange(simulator_, -1));
    }
    [[nodiscard]] std::string socket() const { return directory_ + "/chip"; }

    std::string directory_;
    pid_t simulator_ = -1;
};

TEST_F(StsafeSim, RemembersWhenItIsKilled) {
    {
        const auto chip = value_of(open_device(socket()));
        EXPECT_EQ(value_of(decrement_once(*chip, 5, 1)), 499'999U);
    }
    EXPECT_EQ(end(SIGKILL), 128 + SIGKILL);
    run();
    const auto chip = value_of(open_device(socket()));
    EXPECT_EQ(value_of(decrement_once(*chip, 5, 1)), 499'998U);
    // Power away and back: a chip that sleeps until then wakes.
    ASSERT_TRUE(chip->run(hibernate{wake_up::reset_only}));
    ::kill(simulator_, SIGHUP);
    EXPECT_TRUE(chip->run(echo{{bytes{1, 2, 3}}}));
}

TEST_F(StsafeSim, OneProcessForOneChip) {
    EXPECT_EQ(wait_for(start({simulator, "--socket", directory_ + "/other", "--state", directory_ + "/state"})), 3);
    EXPECT_EQ(wait_for(start({simulator, "--socket", socket(), "--state", directory_ + "/another"})), 3);
    EXPECT_TRUE(value_of(open_device(socket()))->run(echo{{bytes{1}}})) << "and the first is undisturbed";
    EXPECT_EQ(wait_for(start({simulator, "--state", directory_ + "/x"})), 2);
    EXPECT_EQ(wait_for(start({simulator, "--help"})), 0);
    EXPECT_EQ(end(SIGTERM), 0);
    EXPECT_FALSE(std::filesystem::exists(socket()));
}

TEST(StsafeSimHelp, SaysWhatItIsAndWhatNot) {
    std::string help;
    std::FILE* const pipe = ::popen((simulator + " --help").c_str(), "r");
    ASSERT_NE(pipe, nullptr);
    std::array<char, 512> some{};
    while (std::fgets(some.data(), some.size(), pipe) != nullptr) {
        help += some.data();
    }
    EXPECT_EQ(::pclose(pipe), 0);
    for (const std::string_view part : {"a model made from published driver sources", "not tried on silicon", "a place for keys",
                                        "--socket PATH", "--state DIR", "--silicon-delays", "Files", "Exit codes", "Example:"}) {
        EXPECT_NE(help.find(part), std::string::npos) << part;
    }
}

TEST_F(StsafeSim, KeysByTheirUris) {
    {
        const auto chip = value_of(open_device(socket()));
        ASSERT_TRUE(make_signing_key(chip, {.slot = 1, .zone = 1}, crypto::signature_algorithm::ecdsa_p256_sha256));
        ASSERT_TRUE(make_kem_key(chip, {.slot = 2, .zone = 2}, crypto::kem_algorithm::mlkem768_p256, crypto::system_random()));
    }
    const auto signer = value_of(keystore::open_signing_key("stsafe:slot=1;device=" + socket()));
    EXPECT_TRUE(signer->public_key().verify(as_bytes("x"), value_of(signer->sign(as_bytes("x")))));
    const auto kem = value_of(keystore::open_kem_key("stsafe:slot=2;device=" + socket()));
    const auto sent = kem->public_key().encapsulate(crypto::system_random());
    EXPECT_EQ(to_hex(value_of(kem->decapsulate(sent.enc)).reveal()), to_hex(sent.shared_secret.reveal()));
}

TEST_F(StsafeSim, TheI2cTransportBehindTheShim) {
    const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
    EXPECT_EQ(wait_for(start({self, "--gtest_filter=Behind.*"},
                             {std::string("LD_PRELOAD=") + BERTH_I2C_SHIM, std::string("BERTH_SHIM_BUS=") + bus_path,
                              "BERTH_SHIM_SOCKET=" + socket(), "BERTH_SHIM_REFUSE_EVERY=3", "BERTH_SHIM_SHORT_EVERY=5"})),
              0);
    // What was done there was done to this chip, and once.
    const auto chip = value_of(open_device(socket()));
    EXPECT_EQ(value_of(decrement_once(*chip, 5, 1)), 499'899U);
}

TEST(Behind, TheBusRefusesAndCutsShort) {
    if (std::getenv("BERTH_SHIM_BUS") == nullptr) {
        GTEST_SKIP() << "runs behind the shim";
    }
    const auto chip = value_of(open_device(bus_path));
    for (int i = 0; i < 100; ++i) {
        const bytes message(static_cast<size_t>(1 + i * 4), static_cast<uint8_t>(i));
        ASSERT_EQ(value_of(chip->run(echo{{message}})).message.value, message);
        ASSERT_EQ(value_of(decrement_once(*chip, 5, 1)), 499'999U - static_cast<uint32_t>(i));
    }
    const bytes data = [] {
        bytes out(1500);
        crypto::system_random().fill(out);
        return out;
    }();
    ASSERT_TRUE(write_octets(*chip, 4, 0, data));
    EXPECT_EQ(value_of(read_octets(*chip, 4, 0, data.size())), data);
}

TEST(Behind, NobodyAtThatAddress) {
    if (std::getenv("BERTH_SHIM_BUS") == nullptr) {
        GTEST_SKIP() << "runs behind the shim";
    }
    link_limits limits;
    limits.patience = 100;
    const auto chip = value_of(open_device(bus_path, 0x33, limits));
    EXPECT_EQ(name_of_error(chip->run(echo{{bytes{1}}})), "stsafe_busy");
    EXPECT_EQ(name_of_error(open_device("/dev/i2c-78")), "stsafe_absent");
}

}  // namespace

}  // namespace berth::keystore::stsafe

// A PKCS#11 module of one's own: SoftHSM, its tokens in a temporary directory. One for each process: the module reads its
// configuration when it is started, and is started once.
#pragma once

#include "support/spawn.h"

#include <array>
#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace berth::test {

class softhsm {
public:
    static bool installed() { return !module().empty() && std::system("command -v softhsm2-util >/dev/null 2>&1") == 0; }

    static std::string module() {
        for (const char* path : {"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
                                 "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"}) {
            if (std::filesystem::exists(path)) {
                return path;
            }
        }
        return {};
    }

    softhsm() {
        std::string name = (std::filesystem::temp_directory_path() / "berth-hsm-XXXXXX").string();
        directory_ = mkdtemp(name.data());
        std::filesystem::create_directory(directory_ / "tokens");
        std::ofstream(directory_ / "conf") << "directories.tokendir = " << (directory_ / "tokens").string()
                                           << "\nobjectstore.backend = file\nlog.level = ERROR\n";
        ::setenv("SOFTHSM2_CONF", (directory_ / "conf").c_str(), 1);
        secret("pin", pin);
    }
    softhsm(const softhsm&) = delete;
    softhsm& operator=(const softhsm&) = delete;
    ~softhsm() { std::filesystem::remove_all(directory_); }

    // A token; before the module is used, which looks for tokens once.
    void add_token(const std::string& label) const {
        EXPECT_EQ(util({"--init-token", "--free", "--label", label, "--so-pin", "12345678", "--pin", std::string(pin)}), 0)
            << log();
    }
    [[nodiscard]] int util(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), "softhsm2-util");
        return exit_of(spawn(std::move(arguments), directory_ / "log"));
    }

    // A file that only its owner reads.
    std::string secret(const std::string& name, std::string_view text) const {
        const std::filesystem::path path = directory_ / name;
        std::ofstream(path) << text << "\n";
        ::chmod(path.c_str(), 0600);
        return path.string();
    }

    // `key`: "object=...;id=...".
    [[nodiscard]] std::string uri(const std::string& token, const std::string& key, const std::string& pin_file = "pin") const {
        return "pkcs11:token=" + token + ";" + key + "?module-path=" + module() +
               "&pin-source=" + (directory_ / pin_file).string();
    }
    [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
    [[nodiscard]] std::string log() const {
        std::ifstream in(directory_ / "log");
        return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    }

    static constexpr std::string_view pin = "2468-pin";

private:
    std::filesystem::path directory_;
};

}  // namespace berth::test

#define BERTH_NEEDS_SOFTHSM()                                                           \
    do {                                                                                \
        if (!::berth::test::softhsm::installed()) {                                     \
            GTEST_SKIP() << "softhsm2 is not installed; scripts/bootstrap installs it"; \
        }                                                                               \
    } while (false)

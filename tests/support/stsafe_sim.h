// The program stsafe-sim, on a socket in a directory of its own.
#pragma once

#include "keystore/stsafe/device.h"
#include "support/spawn.h"

#include <chrono>
#include <csignal>
#include <thread>

namespace berth::test {

class stsafe_sim {
public:
    explicit stsafe_sim(const std::string& model = "a120") {
        std::string name = (std::filesystem::temp_directory_path() / "berth-sim-XXXXXX").string();
        directory_ = mkdtemp(name.data());
        // With the test goes the chip, even if the test ends in an abort.
        pid_ = spawn({"setpriv", "--pdeathsig", "KILL", std::string(BERTH_BIN_DIR) + "/stsafe-sim", "--socket", socket(),
                      "--state", (directory_ / "state").string(), "--model", model},
                     directory_ / "log");
        for (int i = 0; i < 600 && !keystore::stsafe::open_device(socket()); ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
    }
    stsafe_sim(const stsafe_sim&) = delete;
    stsafe_sim& operator=(const stsafe_sim&) = delete;
    ~stsafe_sim() {
        if (pid_ > 0) {
            ::kill(pid_, SIGTERM);
            exit_of(pid_);
        }
        std::filesystem::remove_all(directory_);
    }

    [[nodiscard]] std::string socket() const { return (directory_ / "chip").string(); }
    [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }

private:
    std::filesystem::path directory_;
    pid_t pid_ = -1;
};

}  // namespace berth::test

// A TPM of one's own: swtpm on a unix socket, its state in a temporary directory, started and stopped by the test.
#pragma once

#include "support/spawn.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace berth::test {

class swtpm {
public:
    static bool installed() {
        static const bool there = std::system("command -v swtpm >/dev/null 2>&1 && command -v tpm2 >/dev/null 2>&1") == 0;
        return there;
    }

    // `certified`: as its maker would sell it, with endorsement keys and certificates; takes a second.
    // `started`: the first command need not be Startup.
    explicit swtpm(bool certified = false, bool started = true) {
        std::string name = (std::filesystem::temp_directory_path() / "berth-tpm-XXXXXX").string();
        directory_ = mkdtemp(name.data());
        std::filesystem::create_directory(directory_ / "state");
        if (certified) {
            certify();
        }
        start(started);
    }
    swtpm(const swtpm&) = delete;
    swtpm& operator=(const swtpm&) = delete;
    ~swtpm() {
        stop();
        std::filesystem::remove_all(directory_);
    }

    [[nodiscard]] std::string tcti() const { return "swtpm:path=" + (directory_ / "tpm").string(); }
    [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }

    void start(bool started = true) {
        const std::string socket = (directory_ / "tpm").string();
        std::filesystem::remove(socket);
        std::filesystem::remove(socket + ".ctrl");
        // With the test goes the TPM, even if the test ends in an abort.
        pid_ =
            spawn({"setpriv", "--pdeathsig", "KILL", "swtpm", "socket", "--tpm2", "--tpmstate",
                   "dir=" + (directory_ / "state").string(), "--server", "type=unixio,path=" + socket, "--ctrl",
                   "type=unixio,path=" + socket + ".ctrl", "--flags", started ? "not-need-init,startup-clear" : "not-need-init"},
                  directory_ / "log");
        for (int i = 0; i < 1000 && !(listens(socket) && listens(socket + ".ctrl")); ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
    }

    // Power off, without a word.
    void stop() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            exit_of(pid_);
            pid_ = -1;
        }
    }

    // A command of tpm2-tools against this TPM, in its directory; its exit code. Nobody else may be connected meanwhile.
    [[nodiscard]] int tool(const std::string& command) const {
        return exit_of(spawn({"sh", "-c", "cd " + directory_.string() + " && exec " + command}, directory_ / "log",
                             {"TPM2TOOLS_TCTI=" + tcti()}));
    }

    [[nodiscard]] std::string log() const { return read("log"); }
    [[nodiscard]] std::string read(const std::string& name) const {
        std::ifstream in(directory_ / name, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    }

private:
    // A socket's file is there before anybody listens.
    static bool listens(const std::string& path) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof(address.sun_path) - 1);
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const bool connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
        ::close(fd);
        return connected;
    }
    void write(const std::string& name, const std::string& text) const { std::ofstream(directory_ / name) << text; }

    void certify() {
        const std::string d = directory_.string();
        std::filesystem::create_directory(directory_ / "ca");
        write("localca.conf", "statedir=" + d + "/ca\nsigningkey=" + d + "/ca/signkey.pem\nissuercert=" + d +
                                  "/ca/issuercert.pem\ncertserial=" + d + "/ca/certserial\n");
        write("localca.options", "--platform-manufacturer Acme\n--platform-version 1.0\n--platform-model GW-1\n"
                                 "--tpm-manufacturer id:00001014\n--tpm-model swtpm\n--tpm-version 2\n");
        write("setup.conf", "create_certs_tool=/usr/bin/swtpm_localca\ncreate_certs_tool_config=" + d +
                                "/localca.conf\ncreate_certs_tool_options=" + d + "/localca.options\nactive_pcr_banks=sha256\n");
        const int code = exit_of(spawn({"swtpm_setup", "--tpm2", "--tpmstate", d + "/state", "--ecc", "--create-ek-cert",
                                        "--create-platform-cert", "--lock-nvram", "--config", d + "/setup.conf", "--overwrite"},
                                       directory_ / "log"));
        EXPECT_EQ(code, 0) << log();
    }

    std::filesystem::path directory_;
    pid_t pid_ = -1;
};

}  // namespace berth::test

#define BERTH_NEEDS_SWTPM()                                                                            \
    do {                                                                                               \
        if (!::berth::test::swtpm::installed()) {                                                      \
            GTEST_SKIP() << "swtpm and tpm2-tools are not installed; scripts/bootstrap installs them"; \
        }                                                                                              \
    } while (false)

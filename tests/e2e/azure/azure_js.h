// Azure's SDKs for Node.js, unmodified, by the programs of tests/azure (scripts/bootstrap --with azure installs them).
#pragma once

#include "common/files.h"
#include "support/onboarding_parties.h"
#include "support/spawn.h"
#include "wire/json.h"

#include <csignal>
#include <sstream>

namespace berth::test {

// What they run on. Node 20 has OpenSSL 3.0, and Node 24 OpenSSL 3.5: post-quantum as it comes.
struct node_version {
    const char* directory;
    const char* openssl;  // how its OpenSSL's version begins
};
inline constexpr node_version node_20{"node-20", "3.0."};
inline constexpr node_version node_24{"node-24", "3.5."};

inline std::filesystem::path azure_directory() {
    const char* const other = std::getenv("BERTH_AZURE_DIR");
    return other != nullptr ? other : BERTH_AZURE_DIR;
}

#define BERTH_SKIP_WITHOUT_AZURE()                                                                      \
    if (!std::filesystem::exists(::berth::test::azure_directory() / ".complete")) {                     \
        GTEST_SKIP() << "Azure's SDKs are not installed; scripts/bootstrap --with azure installs them"; \
    }                                                                                                   \
    static_assert(true, "")

// A program of tests/azure while it runs, and what it has said.
class js_program {
public:
    // Its settings and what it says are files of `directory`.
    static js_program start(const node_version& node, const std::string& program, const wire::json::object& what,
                            const std::filesystem::path& directory, std::vector<std::string> environment = {}) {
        static int number = 0;
        const auto file = directory / fmt::format("{}-{}", program, ++number);
        EXPECT_TRUE(app::write_text(file.string() + ".json", wire::to_text(what)));
        environment.push_back("NODE_PATH=" + (azure_directory() / "node_modules").string());
        return {spawn({azure_directory() / "node_modules" / node.directory / "bin/node",
                       std::filesystem::path(BERTH_SOURCE_DIR) / "tests/azure" / (program + ".js"), file.string() + ".json"},
                      file.string() + ".log", environment),
                file.string() + ".log"};
    }
    js_program(js_program&& other) noexcept : pid_(std::exchange(other.pid_, -1)), log_(std::move(other.log_)) {}
    js_program& operator=(js_program&&) = delete;
    js_program(const js_program&) = delete;
    js_program& operator=(const js_program&) = delete;
    ~js_program() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            (void)exit_of(pid_);
        }
    }
    [[nodiscard]] std::string said() const { return std::filesystem::exists(log_) ? got(app::read_text(log_)) : ""; }
    // The first line {"event": NAME, ...}; nothing: it has not said so.
    [[nodiscard]] std::optional<wire::json::object> first(std::string_view event) const {
        std::istringstream lines(said());
        for (std::string line; std::getline(lines, line);) {
            auto one = wire::parse_json_object(line);
            if (one && got(wire::text_member(*one, "event")) == event) {
                return std::move(*one);
            }
        }
        return std::nullopt;
    }
    // Until it has ended: what it left to be told, 0 for nothing.
    [[nodiscard]] int end() { return exit_of(std::exchange(pid_, -1)); }

private:
    js_program(pid_t pid, std::filesystem::path log) : pid_(pid), log_(std::move(log)) {}
    pid_t pid_;
    std::filesystem::path log_;
};

}  // namespace berth::test

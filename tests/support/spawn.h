// Programs that tests run beside themselves: TPMs, tokens, chips, and the tools that come with these.
#pragma once

#include "base/bytes.h"

#include <filesystem>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace berth::test {

// Runs a program, its output to `log`; its process id, or -1. `environment` is added to ours.
inline pid_t spawn(std::vector<std::string> arguments, const std::filesystem::path& log,
                   const std::vector<std::string>& environment = {}) {
    std::vector<char*> argv;
    for (auto& a : arguments) {
        argv.push_back(a.data());
    }
    argv.push_back(nullptr);
    std::vector<std::string> all = environment;
    for (char** e = environ; *e != nullptr; ++e) {
        all.emplace_back(*e);
    }
    std::vector<char*> envp;
    for (auto& e : all) {
        envp.push_back(e.data());
    }
    envp.push_back(nullptr);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    // Connections of ours would stay open for as long as it runs.
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
    pid_t pid = -1;
    const int failed = posix_spawnp(&pid, argv[0], &files, nullptr, argv.data(), envp.data());
    posix_spawn_file_actions_destroy(&files);
    return failed == 0 ? pid : -1;
}

inline int exit_of(pid_t pid) {
    int status = -1;
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace berth::test

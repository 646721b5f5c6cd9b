#include "credentials/hook.h"

#include "base/log.h"

#include <csignal>
#include <cstring>
#include <map>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace berth::app {

namespace {

constexpr milliseconds look_every = 20;
constexpr milliseconds grace = 2'000;  // between SIGTERM and SIGKILL
constexpr size_t most_lines = 200;     // of one run, in the log
constexpr size_t most_line = 1'000;

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (auto& t : texts) {
        out.push_back(t.data());
    }
    out.push_back(nullptr);
    return out;
}

// Ours, and `extra` in the place of what has its names.
std::vector<std::string> with(std::vector<std::string> extra) {
    const size_t given = extra.size();
    for (char** e = environ; *e != nullptr; ++e) {
        const std::string_view own = *e;
        const auto name = own.substr(0, own.find('=') + 1);
        if (std::none_of(extra.begin(), extra.begin() + static_cast<std::ptrdiff_t>(given),
                         [&](const std::string& other) { return other.starts_with(name); })) {
            extra.emplace_back(own);
        }
    }
    return extra;
}

}  // namespace

hook::hook(net::loop& on, const clock& time, std::vector<std::string> argv, std::vector<std::string> environment,
           milliseconds limit, done_handler done)
    : clock_(time), argv_(std::move(argv)), limit_(limit), done_(std::move(done)), pause_(on), began_(time.steady()) {
    const std::string why = start(with(std::move(environment)));
    pause_.arm(0, [this, why] { why.empty() ? look() : finish(why); });
}

hook::~hook() {
    if (pid_ > 0) {
        ::kill(-pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    if (output_ >= 0) {
        ::close(output_);
    }
}

// Why it did not start; empty: it has.
std::string hook::start(std::vector<std::string> environment) {
    std::array<int, 2> pipe{-1, -1};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
        return fmt::format("cannot make a pipe: {}", std::strerror(errno));
    }
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, pipe[1], 1);
    posix_spawn_file_actions_adddup2(&files, pipe[1], 2);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);  // which we ignore
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
    auto argv = pointers(argv_);
    auto envp = pointers(environment);
    const int failed = ::posix_spawn(&pid_, argv[0], &files, &attributes, argv.data(), envp.data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    ::close(pipe[1]);
    output_ = pipe[0];
    ::fcntl(output_, F_SETFL, O_NONBLOCK);
    if (failed != 0) {
        pid_ = -1;
        return fmt::format("did not start: {}", std::strerror(failed));
    }
    return {};
}

void hook::log_line(const std::string& line) const {
    log::info("hook_said", line.substr(0, most_line), {{"program", argv_.front()}});
}

void hook::read_output() {
    std::array<char, 4096> room{};
    ssize_t got = 0;
    while ((got = ::read(output_, room.data(), room.size())) > 0) {
        for (const char c : std::string_view(room.data(), static_cast<size_t>(got))) {
            if (c != '\n') {
                partial_.size() < most_line ? partial_.push_back(c) : void();
            } else if (++logged_ <= most_lines) {
                log_line(std::exchange(partial_, {}));
            } else {
                partial_.clear();
            }
        }
    }
}

// What came of it, once it has ended.
std::optional<std::string> hook::ended() {
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != pid_) {
        return std::nullopt;
    }
    if (terminated_ != 0) {
        ::kill(-pid_, SIGKILL);  // its group, whose number is nobody else's before it is waited for
    }
    ::waitpid(std::exchange(pid_, -1), nullptr, 0);
    if (terminated_ != 0) {
        return fmt::format("took longer than {} s", limit_ / 1'000);
    }
    if (info.si_code == CLD_EXITED) {
        return info.si_status == 0 ? std::string() : fmt::format("ended with {}", info.si_status);
    }
    return fmt::format("was killed by signal {}", info.si_status);
}

void hook::look() {
    read_output();
    if (const auto outcome = ended()) {
        read_output();
        return finish(*outcome);
    }
    const milliseconds now = clock_.steady();
    if (terminated_ == 0 && now - began_ >= limit_) {
        terminated_ = std::max<milliseconds>(now, 1);
        ::kill(-pid_, SIGTERM);
    } else if (terminated_ != 0 && now - terminated_ >= grace) {
        ::kill(-pid_, SIGKILL);
    }
    pause_.arm(look_every, [this] { look(); });
}

void hook::finish(const std::string& outcome) {
    if (!partial_.empty()) {
        log_line(std::exchange(partial_, {}));
    }
    const auto done = std::move(done_);
    done(outcome);  // we may be gone after it
}

}  // namespace berth::app

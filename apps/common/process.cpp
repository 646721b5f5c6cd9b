#include "common/process.h"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace berth::app {

namespace {

constexpr int grace_milliseconds = 2000;

tl::unexpected<error> cannot(const std::filesystem::path& program, const char* what) {
    return fail(error_category::environment, "program_not_started",
                fmt::format("{}: {}: {}", program.string(), what, std::strerror(errno)));
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (auto& t : texts) {
        out.push_back(t.data());
    }
    out.push_back(nullptr);
    return out;
}

}  // namespace

result<child_process> child_process::start(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                                           const std::vector<std::string>& extra_environment) {
    int out[2];
    int err[2];
    if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) {
        return cannot(program, "pipe");
    }
    std::vector<std::string> argv_text{program.string()};
    argv_text.insert(argv_text.end(), arguments.begin(), arguments.end());
    // Each name once: of two, getenv() takes the first and some shells the last.
    std::vector<std::string> env_text = extra_environment;
    for (char** e = environ; *e; ++e) {
        const std::string_view own = *e;
        const std::string_view name = own.substr(0, own.find('=') + 1);
        if (std::ranges::none_of(extra_environment, [&](const std::string& extra) { return extra.starts_with(name); })) {
            env_text.emplace_back(own);
        }
    }
    auto argv = pointers(argv_text);
    auto envp = pointers(env_text);
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) {
        return cannot(program, "fork");
    }
    if (pid == 0) {
        // Whoever started us going away must not leave us behind.
        ::prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (::getppid() != parent) {
            ::_exit(127);
        }
        ::dup2(out[1], STDOUT_FILENO);
        ::dup2(err[1], STDERR_FILENO);
        // Ports that we listen at would stay taken for as long as it runs.
        ::close_range(3, ~0U, 0);
        ::execve(program.c_str(), argv.data(), envp.data());
        ::_exit(127);
    }
    ::close(out[1]);
    ::close(err[1]);
    ::fcntl(out[0], F_SETFL, O_NONBLOCK);
    ::fcntl(err[0], F_SETFL, O_NONBLOCK);
    // One that says much need not wait until it is listened to.
    ::fcntl(err[0], F_SETPIPE_SZ, 1024 * 1024);
    child_process child;
    child.pid_ = pid;
    child.output_.fd = out[0];
    child.error_.fd = err[0];
    return child;
}

child_process::child_process(child_process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      code_(other.code_),
      output_(std::exchange(other.output_, {})),
      error_(std::exchange(other.error_, {})) {}

child_process::~child_process() {
    if (pid_ > 0 && !exit_code()) {
        terminate();
        for (int waited = 0; waited < grace_milliseconds && !exit_code(); waited += 10) {
            ::usleep(10'000);
        }
        if (!exit_code()) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
    }
    output_.close();
    error_.close();
}

void child_process::terminate() {
    if (pid_ > 0 && !code_) {
        ::kill(pid_, SIGTERM);
    }
}

std::optional<int> child_process::exit_code() {
    int status = 0;
    if (!code_ && pid_ > 0 && ::waitpid(pid_, &status, WNOHANG) == pid_) {
        code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return code_;
}

bool child_process::ended() {
    return exit_code().has_value() && output_.fd < 0 && error_.fd < 0;
}

void child_process::pipe_reader::close() {
    if (fd >= 0) {
        ::close(fd);
        fd = -1;
    }
}

void child_process::pipe_reader::read_some() {
    char buffer[16384];
    for (;;) {
        const ssize_t n = fd < 0 ? 0 : ::read(fd, buffer, sizeof buffer);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (n <= 0) {
            if (!partial.empty()) {
                lines.push_back(std::exchange(partial, {}));  // a last line need not be ended
            }
            return close();
        }
        for (const char c : std::string_view(buffer, static_cast<size_t>(n))) {
            if (c == '\n') {
                lines.push_back(std::exchange(partial, {}));
            } else {
                partial.push_back(c);
            }
        }
    }
}

void poll_children(const std::vector<child_process*>& children, milliseconds most) {
    std::vector<pollfd> waiting;
    for (const auto* child : children) {
        for (const int fd : {child->output_.fd, child->error_.fd}) {
            if (fd >= 0) {
                waiting.push_back({fd, POLLIN, 0});
            }
        }
    }
    ::poll(waiting.data(), waiting.size(), static_cast<int>(most));
    for (auto* child : children) {
        child->output_.read_some();
        child->error_.read_some();
    }
}

result<std::filesystem::path> sibling_program(const std::string& name) {
    std::error_code ec;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", ec);
    const auto path = self.parent_path() / name;
    if (ec || !std::filesystem::exists(path, ec)) {
        return fail(error_category::environment, "program_missing",
                    fmt::format("{} is not beside this program; make build", path.string()));
    }
    return path;
}

}  // namespace berth::app

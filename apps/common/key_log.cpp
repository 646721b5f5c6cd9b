#include "common/key_log.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace berth::app {

result<std::shared_ptr<key_log>> key_log::open(const std::filesystem::path& path) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0) {
        return fail(error{error_category::environment, "file_error",
                          fmt::format("cannot open the key log {}: {}", path.string(), std::strerror(errno))}
                        .with("path", path.string()));
    }
    std::shared_ptr<key_log> log(new key_log(fd));
    struct stat about{};
    if (::fstat(fd, &about) != 0 || !S_ISREG(about.st_mode) || (about.st_mode & 077) != 0 || about.st_uid != ::geteuid()) {
        return fail(
            error{error_category::usage, "unsafe_permissions",
                  fmt::format("the key log {} must be a file of yours that nobody else may read (chmod 600)", path.string())}
                .with("path", path.string()));
    }
    return log;
}

key_log::~key_log() {
    ::close(fd_);
}

authkem::secret_log key_log::for_connection(std::shared_ptr<key_log> log, uint64_t number) {
    return [log = std::move(log), number](std::string_view name, bytes_view secret) {
        // One write per line, so that lines of several processes do not mix.
        const std::string line = fmt::format("{} {} {}\n", name, number, to_hex(secret));
        std::ignore = ::write(log->fd_, line.data(), line.size());
    };
}

}  // namespace berth::app

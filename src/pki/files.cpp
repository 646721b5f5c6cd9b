#include "pki/private_key_file.h"

#include "base/descriptor.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace berth::pki {

namespace {

error file_error(const std::string& doing, const std::string& path) {
    return error{error_category::environment, "file_error", doing + " " + path + " failed: " + std::strerror(errno) + "."}.with(
        "path", path);
}

// What is read when a file does not say its size (a pipe, something below /proc).
constexpr size_t least_room = 512;

std::span<uint8_t> room_of(bytes& out) {
    return out;
}

std::span<uint8_t> room_of(secret_bytes& out) {
    return out.writable();
}

template <class Out>
result<Out> read_all(const descriptor& in, const std::string& path, size_t limit) {
    struct stat about{};
    if (::fstat(in.get(), &about) != 0) {
        return fail(file_error("Looking at", path));
    }
    // As much memory as the file has octets, and one more, in which its end is seen; it may yet have grown.
    const size_t said = about.st_size > 0 ? static_cast<size_t>(about.st_size) : least_room;
    Out out(std::min(limit, said) + 1);
    size_t used = 0;
    while (used <= limit) {
        if (used == out.size()) {
            out.resize(std::min(limit + 1, used * 2));
        }
        const auto room = room_of(out);
        const ssize_t got = ::read(in.get(), room.data() + used, room.size() - used);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fail(file_error("Reading", path));
        }
        if (got == 0) {
            break;
        }
        used += static_cast<size_t>(got);
    }
    if (used > limit) {
        return fail(error{error_category::usage, "file_too_large",
                          path + " has more than " + std::to_string(limit) + " octets; it is not what is wanted here."}
                        .with("path", path));
    }
    out.resize(used);
    return out;
}

result<descriptor> open_to_read(const std::string& path) {
    descriptor in(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!in && errno == ENOENT) {
        return fail(error{error_category::environment, "file_not_found", "There is no file " + path + "."}.with("path", path));
    }
    if (!in) {
        return fail(file_error("Opening", path));
    }
    return in;
}

bool write_all(int fd, bytes_view data) {
    while (!data.empty()) {
        const ssize_t written = ::write(fd, data.data(), data.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        data = data.subspan(static_cast<size_t>(written));
    }
    return true;
}

}  // namespace

namespace {

// A device or a pipe ("--out /dev/null") is written to; a file in its place would be everybody's loss.
bool is_no_file(const std::string& path) {
    struct stat about{};
    return ::stat(path.c_str(), &about) == 0 && (S_ISCHR(about.st_mode) || S_ISBLK(about.st_mode) || S_ISFIFO(about.st_mode));
}

result<void> write_through(const std::string& path, bytes_view contents) {
    descriptor out(::open(path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC));
    return out && write_all(out.get(), contents) && out.close() ? result<void>() : fail(file_error("Writing", path));
}

}  // namespace

result<void> write_file_atomically(const std::string& path, bytes_view contents, unsigned mode) {
    if (is_no_file(path)) {
        return write_through(path, contents);
    }
    const size_t slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    // mkostemp creates with mode 0600 whatever the umask; a wider mode is set before the name is.
    std::string temporary = path + ".XXXXXX";
    descriptor out(::mkostemp(temporary.data(), O_CLOEXEC));
    if (!out) {
        return fail(file_error("Creating a file beside", path));
    }
    const bool written = write_all(out.get(), contents) && ::fchmod(out.get(), static_cast<mode_t>(mode)) == 0 &&
                         ::fsync(out.get()) == 0 && out.close() && ::rename(temporary.c_str(), path.c_str()) == 0;
    if (!written) {
        error e = file_error("Writing", path);
        ::unlink(temporary.c_str());
        return fail(std::move(e));
    }
    // The new name must survive a loss of power as well.
    const descriptor parent(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!parent || (::fsync(parent.get()) != 0 && errno != EINVAL)) {
        return fail(file_error("Making durable the directory", directory));
    }
    return {};
}

result<bytes> read_file(const std::string& path, size_t limit) {
    BERTH_TRY(in, open_to_read(path));
    return read_all<bytes>(in, path, limit);
}

result<secret_bytes> read_secret_file(const std::string& path, size_t limit) {
    BERTH_TRY(in, open_to_read(path));
    struct stat about{};
    if (::fstat(in.get(), &about) != 0) {
        return fail(file_error("Looking at", path));
    }
    const bool owned = about.st_uid == ::geteuid() || about.st_uid == 0;
    if (!owned || (about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return fail(error{error_category::usage, "unsafe_permissions",
                          path + (owned ? " holds a secret that others can read or write: run chmod 600 " + path + "."
                                        : " holds a secret and belongs to another user.")}
                        .with("path", path));
    }
    return read_all<secret_bytes>(in, path, limit);
}

}  // namespace berth::pki

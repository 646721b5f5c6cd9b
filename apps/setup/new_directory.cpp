#include "setup/new_directory.h"

#include "common/files.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

tl::unexpected<error> cannot(const char* doing, const fs::path& path) {
    return fail(error{error_category::environment, "file_error",
                      fmt::format("cannot {} {}: {}", doing, path.string(), std::strerror(errno))}
                    .with("path", path.string()));
}

result<fs::path> tidy(const fs::path& given) {
    BERTH_TRY(path, absolute_path(given));
    path = path.lexically_normal();
    return path.has_filename() ? path : path.parent_path();  // "device/" is "device"
}

fs::path making(const fs::path& final_place) {
    return final_place.parent_path() / ("." + final_place.filename().string() + ".making");
}

result<void> require_free(const fs::path& place) {
    std::error_code ec;
    if (fs::is_empty(place, ec) || ec == std::errc::no_such_file_or_directory) {
        return {};
    }
    return fail(error{error_category::usage,
                      "file_exists",
                      fmt::format("{} is there already and nothing in it is overwritten: choose another directory, or, if "
                                  "nobody needs what is there, remove it yourself",
                                  place.string()),
                      {{"file", place.string()}}});
}

// The descriptor that holds the lock on a directory; the lock goes with the process, however that ends.
result<int> lock(const fs::path& directory) {
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return cannot("open", directory);
    }
    // Another may have cleared it away, and made it anew, between the two: then this is the lock of nothing.
    struct stat locked{};
    struct stat named{};
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0 || ::fstat(fd, &locked) != 0 || ::stat(directory.c_str(), &named) != 0 ||
        locked.st_dev != named.st_dev || locked.st_ino != named.st_ino) {
        ::close(fd);
        return fail(error{error_category::environment, "in_use",
                          fmt::format("another process works on {}; wait for its end and try again", directory.string())}
                        .with("path", directory.string()));
    }
    return fd;
}

}  // namespace

result<std::optional<new_directory>> new_directory::resume(const fs::path& final_place, const fs::path& finished) {
    BERTH_TRY(place, tidy(final_place));
    const fs::path path = making(place);
    BERTH_TRY(there, is_there(path));
    if (!there) {
        return std::nullopt;
    }
    BERTH_TRY(fd, lock(path));
    new_directory left(place, path, fd);
    BERTH_TRY(complete, is_there(path / finished));
    if (!complete) {
        return std::nullopt;  // its destructor clears it away
    }
    left.keep(true);
    return std::optional(std::move(left));
}

result<new_directory> new_directory::begin(const fs::path& final_place) {
    BERTH_TRY(place, tidy(final_place));
    BERTH_CHECK(require_free(place));
    BERTH_CHECK(make_directory(place.parent_path()));
    const fs::path path = making(place);
    if (::mkdir(path.c_str(), 0700) != 0) {
        if (errno != EEXIST) {
            return cannot("make directory", path);
        }
        {
            BERTH_TRY(fd, lock(path));
            const new_directory abandoned(place, path, fd);
        }
        if (::mkdir(path.c_str(), 0700) != 0) {
            return cannot("make directory", path);
        }
    }
    BERTH_TRY(fd, lock(path));
    return new_directory(place, path, fd);
}

new_directory::new_directory(new_directory&& other) noexcept
    : final_place_(std::move(other.final_place_)),
      path_(std::move(other.path_)),
      lock_(std::exchange(other.lock_, -1)),
      kept_(other.kept_) {}

new_directory::~new_directory() {
    if (lock_ >= 0) {
        if (!kept_) {
            std::error_code ignored;
            fs::remove_all(path_, ignored);
        }
        ::close(lock_);
    }
}

result<void> new_directory::publish() {
    if (::fsync(lock_) != 0 && errno != EINVAL) {
        return cannot("make durable", path_);
    }
    // Takes the place of an empty directory, and of nothing else.
    if (::rename(path_.c_str(), final_place_.c_str()) != 0) {
        const int why = errno;
        BERTH_CHECK(require_free(final_place_));
        errno = why;
        return cannot("rename what was made to", final_place_);
    }
    ::close(std::exchange(lock_, -1));
    const fs::path above = final_place_.parent_path();
    const int parent = ::open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool durable = parent >= 0 && (::fsync(parent) == 0 || errno == EINVAL);
    const auto done = durable ? result<void>{} : cannot("make durable", above);
    if (parent >= 0) {
        ::close(parent);
    }
    return done;
}

}  // namespace berth::app

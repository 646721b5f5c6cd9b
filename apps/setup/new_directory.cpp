#include "setup/new_directory.h"

#include "common/files.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

result<fs::path> tidy(const fs::path& given) {
    BERTH_TRY(path, absolute_path(given));
    path = path.lexically_normal();
    return path.has_filename() ? path : path.parent_path();  // "device/" is "device"
}

fs::path making(const fs::path& final_place) {
    return final_place.parent_path() / ("." + final_place.filename().string() + ".making");
}

// Nothing, or an empty directory that a rename can take the place of: no link, no mounted file system.
result<void> require_free(const fs::path& place) {
    struct stat there{};
    struct stat above{};
    if (::lstat(place.c_str(), &there) != 0) {
        return errno == ENOENT ? result<void>{} : cannot("look at", place);
    }
    const auto refuse = [&](const char* why) {
        return fail(
            error{error_category::usage, "file_exists", fmt::format("{} {}", place.string(), why), {{"file", place.string()}}});
    };
    if (!S_ISDIR(there.st_mode)) {
        return refuse("is there already and is no directory: choose another name");
    }
    if (::lstat(place.parent_path().c_str(), &above) == 0 && above.st_dev != there.st_dev) {
        return refuse("is a file system of its own: name a directory below it");
    }
    std::error_code ec;
    const bool empty = fs::is_empty(place, ec);
    if (ec) {
        return cannot("look into", place, ec);
    }
    return empty ? result<void>{}
                 : refuse("is there already and nothing in it is overwritten: choose another directory, or, if nobody needs "
                          "what is there, remove it yourself");
}

// The descriptor that holds the lock on a directory; the lock goes with the process, however that ends.
result<descriptor> lock(const fs::path& directory) {
    descriptor held(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (!held) {
        return cannot("open", directory);
    }
    // Another may have cleared it away, and made it anew, between the two: then this is the lock of nothing.
    struct stat locked{};
    struct stat named{};
    if (::flock(held.get(), LOCK_EX | LOCK_NB) != 0 || ::fstat(held.get(), &locked) != 0 ||
        ::stat(directory.c_str(), &named) != 0 || locked.st_dev != named.st_dev || locked.st_ino != named.st_ino) {
        return fail(error{error_category::environment, "in_use",
                          fmt::format("another process works on {}; wait for its end and try again", directory.string())}
                        .with("path", directory.string()));
    }
    return held;
}

}  // namespace

result<std::optional<new_directory>> new_directory::resume(const fs::path& final_place, const fs::path& finished) {
    BERTH_TRY(place, tidy(final_place));
    const fs::path path = making(place);
    BERTH_TRY(there, is_there(path));
    if (!there) {
        return std::nullopt;
    }
    BERTH_TRY(held, lock(path));
    new_directory left(place, path, std::move(held));
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
            BERTH_TRY(held, lock(path));
            const new_directory abandoned(place, path, std::move(held));
        }
        if (::mkdir(path.c_str(), 0700) != 0) {
            return cannot("make directory", path);
        }
    }
    BERTH_TRY(held, lock(path));
    return new_directory(place, path, std::move(held));
}

new_directory::~new_directory() {
    if (lock_ && !kept_) {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
}

result<void> new_directory::publish() {
    BERTH_CHECK(put_in_place(path_, final_place_));
    std::ignore = lock_.close();
    return {};
}

result<void> put_in_place(const fs::path& made, const fs::path& place) {
    BERTH_CHECK(sync_directory(made));
    if (::rename(made.c_str(), place.c_str()) != 0) {
        const int why = errno;
        BERTH_CHECK(require_free(place));
        errno = why;
        return cannot("rename what was made to", place);
    }
    return sync_directory(place.parent_path());
}

}  // namespace berth::app

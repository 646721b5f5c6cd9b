#include "hub_server/file_disk.h"

#include "base/descriptor.h"
#include "crypto/hash.h"
#include "hub/files/blob_token.h"
#include "pki/private_key_file.h"
#include "wire/base64.h"

#include <algorithm>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

constexpr mode_t owner_alone = 0600, owner_enters = 0700;

tl::unexpected<error> could_not(const char* what, const fs::path& file) {
    const int why = errno;
    const bool full = why == ENOSPC || why == EDQUOT;
    return fail(error{error_category::environment,
                      full ? "disk_full" : "file_error",
                      fmt::format("{} cannot be {}: {}", file.string(), what, std::generic_category().message(why)),
                      {{"file", file.string()}}});
}

result<void> sync_directory(const fs::path& directory) {
    const descriptor at(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!at || (::fsync(at.get()) != 0 && errno != EINVAL)) {
        return could_not("kept", directory);
    }
    return {};
}

// One level, which may be there already.
result<void> make_directory(const fs::path& directory) {
    if (::mkdir(directory.c_str(), owner_enters) == 0) {
        return sync_directory(directory.has_parent_path() ? directory.parent_path() : fs::path("."));
    }
    return errno == EEXIST ? result<void>() : could_not("made", directory);
}

result<void> write_all(const descriptor& to, bytes_view octets, const fs::path& file) {
    while (!octets.empty()) {
        const auto some = ::write(to.get(), octets.data(), octets.size());
        if (some < 0 && errno != EINTR) {
            return could_not("written", file);
        }
        octets = octets.subspan(some > 0 ? static_cast<size_t>(some) : 0);
    }
    return {};
}

result<descriptor> open_fresh(const fs::path& file) {
    descriptor out(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, owner_alone));
    if (!out) {
        return could_not("made", file);
    }
    return out;
}

result<void> finish(descriptor& file, const fs::path& name) {
    return ::fsync(file.get()) == 0 && file.close() ? result<void>() : could_not("kept", name);
}

result<void> write_fresh(const fs::path& file, bytes_view octets) {
    BERTH_TRY(to, open_fresh(file));
    BERTH_CHECK(write_all(to, octets, file));
    return finish(to, file);
}

result<void> append_by_hand(const descriptor& to, const descriptor& in, const fs::path& file) {
    bytes some(size_t{256} * 1024);
    for (;;) {
        const auto read = ::read(in.get(), some.data(), some.size());
        if (read == 0) {
            return {};
        }
        if (read < 0 && errno != EINTR) {
            return could_not("read", file);
        }
        BERTH_CHECK(write_all(to, bytes_view(some).first(read > 0 ? static_cast<size_t>(read) : 0), file));
    }
}

// The kernel copies, or only notes that it is the same; where it cannot, we do.
result<void> append_file(const descriptor& to, const fs::path& from, const fs::path& file) {
    const descriptor in(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!in) {
        return could_not("read", from);
    }
    constexpr size_t at_once = size_t{1} << 30;
    for (;;) {
        const auto some = ::copy_file_range(in.get(), nullptr, to.get(), nullptr, at_once, 0);
        if (some == 0) {
            return {};
        }
        if (some < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
            return append_by_hand(to, in, file);
        }
        if (some < 0 && errno != EINTR) {
            return could_not("written", file);
        }
    }
}

// A draft that came to nothing goes.
class dropped_unless_kept {
public:
    explicit dropped_unless_kept(fs::path file) : file_(std::move(file)) {}
    dropped_unless_kept(const dropped_unless_kept&) = delete;
    dropped_unless_kept& operator=(const dropped_unless_kept&) = delete;
    ~dropped_unless_kept() { ::unlink(file_.c_str()); }

private:
    fs::path file_;
};

result<void> check_own(const fs::path& directory) {
    struct stat about{};
    if (::stat(directory.c_str(), &about) != 0) {
        return could_not("read", directory);
    }
    if (!S_ISDIR(about.st_mode)) {
        errno = ENOTDIR;
        return could_not("opened", directory);
    }
    if ((about.st_mode & 077U) != 0) {
        return fail(error{error_category::usage,
                          "unsafe_permissions",
                          fmt::format("{} may be read by others: chmod 700 it", directory.string()),
                          {{"file", directory.string()}}});
    }
    return ::access(directory.c_str(), R_OK | W_OK | X_OK) == 0 ? result<void>() : could_not("written", directory);
}

}  // namespace

result<void> file_disk::look(const fs::path& directory) {
    std::error_code ignored;
    if (fs::exists(directory, ignored)) {
        return check_own(directory);
    }
    const auto above = directory.has_parent_path() ? directory.parent_path() : fs::path(".");
    return ::access(above.c_str(), W_OK | X_OK) == 0 ? result<void>() : could_not("made", directory);
}

result<std::unique_ptr<file_disk>> file_disk::open(const fs::path& directory, random_source& random) {
    std::unique_ptr<file_disk> out(new file_disk(directory));
    BERTH_CHECK(make_directory(directory));
    BERTH_CHECK(check_own(directory));
    for (const char* const below : {"kept", "staged"}) {
        BERTH_CHECK(make_directory(directory / below));
    }
    BERTH_CHECK(out->read_key(random));
    return out;
}

result<void> file_disk::read_key(random_source& random) {
    const auto file = directory_ / "key";
    std::error_code ignored;
    if (!fs::exists(file, ignored)) {
        secret_bytes fresh(hub::blob_key_octets);
        random.fill(fresh.writable());
        const auto half = directory_ / ".key";
        ::unlink(half.c_str());
        BERTH_CHECK(write_fresh(half, fresh.reveal()));
        if (::rename(half.c_str(), file.c_str()) != 0) {
            return could_not("made", file);
        }
        BERTH_CHECK(sync_directory(directory_));
    }
    BERTH_TRY(key, pki::read_secret_file(file.string(), hub::blob_key_octets + 1));
    if (key.size() != hub::blob_key_octets) {
        return fail(error{error_category::usage,
                          "bad_key_file",
                          fmt::format("{} has not the {} octets of a key: remove it, and another one is drawn", file.string(),
                                      hub::blob_key_octets),
                          {{"file", file.string()}}});
    }
    key_ = std::move(key);
    return {};
}

std::string file_disk::staged_key(const hub::blob_name& name, uint64_t generation) {
    const std::string text = fmt::format("{}\n{}", generation, name.text());
    return wire::base64url(crypto::sha256(as_bytes(text)).view());
}

fs::path file_disk::draft(const std::string& at) {
    return staged_at(at) / fmt::format(".{}-{}", ::getpid(), drafts_++);
}

result<void> file_disk::put_block(const std::string& at, bytes_view id, bytes_view octets) {
    BERTH_CHECK(make_directory(staged_at(at)));
    const auto fresh = draft(at);
    const dropped_unless_kept guard(fresh);
    BERTH_CHECK(write_fresh(fresh, octets));
    const auto block = staged_at(at) / wire::base64url(id);
    if (::rename(fresh.c_str(), block.c_str()) != 0) {
        return could_not("kept", block);
    }
    return sync_directory(staged_at(at));
}

result<std::vector<hub::put_block>> file_disk::blocks(const std::string& at) const {
    std::vector<hub::put_block> out;
    std::error_code why;
    for (auto each = fs::directory_iterator(staged_at(at), why); !why && each != fs::directory_iterator(); each.increment(why)) {
        const auto name = each->path().filename().string();
        if (name.starts_with('.')) {
            ::unlink(each->path().c_str());  // of a berthd that ended while it wrote
            continue;
        }
        std::error_code none;
        const auto octets = each->file_size(none);
        if (auto id = wire::from_base64url(name); id && !none) {
            out.push_back({std::move(*id), octets});
        }
    }
    if (why && why != std::errc::no_such_file_or_directory) {
        errno = why.value();
        return could_not("read", staged_at(at));
    }
    std::ranges::sort(out, {}, &hub::put_block::id);
    return out;
}

result<void> file_disk::keep(const fs::path& fresh, const content& as) {
    const auto target = kept_at(as);
    // Somebody may be removing the directory meanwhile, since it has become empty.
    for (int tries = 0;; ++tries) {
        BERTH_CHECK(make_directory(target.parent_path()));
        if (::rename(fresh.c_str(), target.c_str()) == 0) {
            return sync_directory(target.parent_path());
        }
        if (errno != ENOENT || tries == 3) {
            return could_not("kept", target);
        }
    }
}

result<void> file_disk::assemble(const std::string& at, const std::vector<bytes>& ids, const content& as) {
    BERTH_CHECK(make_directory(staged_at(at)));
    const auto fresh = draft(at);
    const dropped_unless_kept guard(fresh);
    BERTH_TRY(to, open_fresh(fresh));
    for (const auto& id : ids) {
        BERTH_CHECK(append_file(to, staged_at(at) / wire::base64url(id), fresh));
    }
    BERTH_CHECK(finish(to, fresh));
    return keep(fresh, as);
}

result<void> file_disk::put_whole(const std::string& at, bytes_view octets, const content& as) {
    BERTH_CHECK(make_directory(staged_at(at)));
    const auto fresh = draft(at);
    const dropped_unless_kept guard(fresh);
    BERTH_CHECK(write_fresh(fresh, octets));
    return keep(fresh, as);
}

void file_disk::drop(const std::string& at) const {
    std::error_code ignored;
    fs::remove_all(staged_at(at), ignored);
}

std::vector<std::string> file_disk::staged() const {
    std::vector<std::string> out;
    std::error_code why;
    for (auto each = fs::directory_iterator(directory_ / "staged", why); !why && each != fs::directory_iterator();
         each.increment(why)) {
        out.push_back(each->path().filename().string());
    }
    return out;
}

result<std::string> file_disk::read(const content& of, uint64_t from, uint64_t most) const {
    const auto file = kept_at(of);
    const descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!in) {
        return fail(error_category::peer, "unknown_file", fmt::format("there is no file {}", file.string()));
    }
    std::string out(most, '\0');
    size_t had = 0;
    while (had < out.size()) {
        const auto some = ::pread(in.get(), out.data() + had, out.size() - had, static_cast<off_t>(from + had));
        if (some < 0 && errno != EINTR) {
            return could_not("read", file);
        }
        if (some == 0) {
            break;
        }
        had += some > 0 ? static_cast<size_t>(some) : 0;
    }
    out.resize(had);
    return out;
}

result<void> file_disk::remove(const content& what) const {
    const auto file = kept_at(what);
    if (::unlink(file.c_str()) != 0 && errno != ENOENT) {
        return could_not("removed", file);
    }
    ::rmdir(file.parent_path().c_str());  // fails while there is another
    return {};
}

result<size_t> file_disk::keep_only(const std::set<content>& those) const {
    size_t out = 0;
    std::error_code why;
    std::vector<content> gone;
    for (auto device = fs::directory_iterator(directory_ / "kept", why); !why && device != fs::directory_iterator();
         device.increment(why)) {
        for (auto each = fs::directory_iterator(device->path(), why); !why && each != fs::directory_iterator();
             each.increment(why)) {
            content one{device->path().filename().string(), each->path().filename().string()};
            if (!those.contains(one)) {
                gone.push_back(std::move(one));
            }
        }
        if (why) {
            break;
        }
    }
    if (why) {
        errno = why.value();
        return could_not("read", directory_ / "kept");
    }
    for (const auto& one : gone) {
        BERTH_CHECK(remove(one));
        ++out;
    }
    return out;
}

}  // namespace berth::app

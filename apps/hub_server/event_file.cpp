#include "hub_server/event_file.h"

#include "registry/hub/event_json.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace berth::app {

namespace {

constexpr mode_t owner_alone = 0600;

tl::unexpected<error> could_not(const char* what, const std::filesystem::path& file) {
    const std::error_code why(errno, std::system_category());
    return fail(error{error_category::environment,
                      "file_error",
                      fmt::format("{} cannot be {}: {}", file.string(), what, why.message()),
                      {{"file", file.string()}}});
}

}  // namespace

result<void> event_file::open() {
    descriptor fresh(::open(file_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, owner_alone));
    struct stat about{};
    if (!fresh || ::fstat(fresh.get(), &about) != 0) {
        return could_not("opened", file_);
    }
    // Half a line, of a berthd that ended while it wrote, gets an end: the event comes again as a line of its own.
    char last = '\n';
    if (S_ISREG(about.st_mode) && about.st_size > 0 && ::pread(fresh.get(), &last, 1, about.st_size - 1) != 1) {
        return could_not("read", file_);
    }
    if (last != '\n' && ::write(fresh.get(), "\n", 1) != 1) {
        return could_not("written", file_);
    }
    opened_ = std::move(fresh);
    return {};
}

result<void> event_file::append(const std::string& lines) {
    if (!opened_) {
        BERTH_CHECK(open());
    }
    for (size_t at = 0; at < lines.size();) {
        const auto some = ::write(opened_.get(), lines.data() + at, lines.size() - at);
        if (some < 0 && errno != EINTR) {
            return could_not("written", file_);
        }
        at += some > 0 ? static_cast<size_t>(some) : 0;
    }
    // A pipe has nothing to keep.
    if (::fsync(opened_.get()) != 0 && errno != EINVAL && errno != EROFS) {
        return could_not("kept", file_);
    }
    return {};
}

void event_file::deliver(const std::vector<registry::identity_event>& events, done then) {
    std::string lines;
    for (const auto& one : events) {
        lines += wire::to_text(registry::to_json(one));
        lines += '\n';
    }
    auto kept = append(lines);
    if (!kept) {
        opened_ = descriptor();  // what is half there is ended at the next try
    }
    then(std::move(kept));
}

}  // namespace berth::app

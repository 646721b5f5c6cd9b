#include "hub_server/event_file.h"

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

// Not on every file system: then there is nothing to do for it.
bool sync(const descriptor& what) {
    return ::fsync(what.get()) == 0 || errno == EINVAL || errno == EROFS;
}

}  // namespace

tl::unexpected<error> no_event_file(const std::filesystem::path& file) {
    return fail(error{error_category::environment,
                      "no_regular_file",
                      fmt::format("{} is no regular file: what is written there is kept nowhere", file.string()),
                      {{"file", file.string()}}});
}

event_file::event_file(net::loop& on, std::filesystem::path file)
    : loop_(on), file_(std::move(file)), thread_([this] { run(); }) {}

event_file::~event_file() {
    {
        const std::lock_guard held(mutex_);
        ending_ = true;
    }
    more_.notify_one();
    thread_.join();
}

void event_file::renew(event_sink_files&&) {
    const std::lock_guard held(mutex_);
    anew_ = true;
}

result<void> event_file::open() {
    // Not to be held up where somebody has put a pipe in its place.
    descriptor fresh(::open(file_.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, owner_alone));
    struct stat about{};
    if (!fresh || ::fstat(fresh.get(), &about) != 0) {
        return errno == EISDIR ? no_event_file(file_) : could_not("opened", file_);
    }
    if (!S_ISREG(about.st_mode)) {
        return no_event_file(file_);
    }
    // Its name is kept, too, where that is berthd's to do.
    const auto above = file_.has_parent_path() ? file_.parent_path() : std::filesystem::path(".");
    const descriptor directory(::open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory ? !sync(directory) : errno != EACCES) {
        return could_not("kept", above);
    }
    // Half a line, of a berthd that ended while it wrote, gets an end: the event comes again as a line of its own.
    char last = '\n';
    if (about.st_size > 0 && ::pread(fresh.get(), &last, 1, about.st_size - 1) != 1) {
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
    return sync(opened_) ? result<void>{} : could_not("kept", file_);
}

void event_file::run() {
    std::unique_lock held(mutex_);
    for (;;) {
        more_.wait(held, [this] { return ending_ || waiting_; });
        if (ending_) {
            return;
        }
        auto job = std::make_shared<order>(std::move(*waiting_));
        waiting_.reset();
        if (std::exchange(anew_, false)) {
            opened_ = descriptor();
        }
        held.unlock();
        auto kept = append(job->lines);
        if (!kept) {
            opened_ = descriptor();  // what is half there is ended at the next try
        }
        loop_.post([job = std::move(job), kept = std::move(kept), alive = std::weak_ptr(alive_)] {
            if (!alive.expired()) {
                job->then(kept);
            }
        });
        held.lock();
    }
}

void event_file::deliver(const std::vector<std::string>& items, done then) {
    order fresh{{}, std::move(then)};
    for (const auto& one : items) {
        fresh.lines += one;
        fresh.lines += '\n';
    }
    {
        const std::lock_guard held(mutex_);
        waiting_ = std::move(fresh);
    }
    more_.notify_one();
}

}  // namespace berth::app

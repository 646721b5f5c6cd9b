// Revocation lists are made anew by others while berthd runs, and expire: the files are looked at again and again.
#pragma once

#include "base/clock.h"
#include "net/loop.h"
#include "roles/lists.h"

#include <functional>
#include <map>

namespace berth::app {

// The revocation lists that a configuration names.
std::vector<std::filesystem::path> lists_of(const daemon_config& config);

class list_watch {
public:
    // What tells one version of a file from another; zeros: there is none.
    struct version {
        uint64_t device = 0, inode = 0, size = 0;
        int64_t modified_ns = 0;
        bool operator==(const version&) const = default;
    };
    using versions = std::map<std::filesystem::path, version>;
    static versions look_at(const std::vector<std::filesystem::path>& files);

    // `take` is called when a file is not the one that was read, and when it has failed again after a while: a list that is
    // refused because of something else must not be forgotten.
    static constexpr milliseconds look_every = 2'000;
    list_watch(net::loop& on, const clock& time, std::function<result<void>()> take, milliseconds every = look_every);
    // These were read, in the versions that were seen before reading. Begins to watch.
    void were_read(versions seen, role_lists lists);
    // Whether these may take the place of those that were read. Errors of must_follow.
    [[nodiscard]] result<void> may_become(const role_lists& next) const { return must_follow(lists_, next); }

    struct expiry {
        std::filesystem::path file;
        unix_seconds next_update;
    };
    // Of each file the list in force that expires first.
    [[nodiscard]] std::vector<expiry> expiries() const;

private:
    struct span {
        unix_seconds this_update, next_update;
    };
    void look();
    void warn();

    const clock& clock_;
    milliseconds every_;  // real time
    std::function<result<void>()> take_;
    versions read_;
    versions refused_;
    milliseconds again_at_ = 0;
    std::map<std::filesystem::path, span> spans_;
    role_lists lists_;
    std::map<std::filesystem::path, unix_seconds> warned_;  // of which end
    net::timer ticker_;
};

}  // namespace berth::app

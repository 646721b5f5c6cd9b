// Revocation lists are made anew by others while berthd runs, and expire: the files are looked at again and again.
#pragma once

#include "base/clock.h"
#include "net/loop.h"
#include "roles/config.h"

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

    // `changed` is called when a file is not the one that was read. If it cannot be taken, it is asked again when the file
    // has changed once more.
    list_watch(net::loop& on, const clock& time, std::function<void()> changed);
    // These were read, in the versions that were seen before reading. Begins to watch.
    void were_read(versions seen);

    struct expiry {
        std::filesystem::path file;
        unix_seconds next_update;
    };
    // Of each file the list that expires first.
    [[nodiscard]] std::vector<expiry> expiries() const;

private:
    struct span {
        unix_seconds this_update, next_update;
        bool warned = false;
    };
    void look();
    void warn();

    const clock& clock_;
    std::function<void()> changed_;
    versions read_;
    std::map<std::filesystem::path, span> spans_;
    net::timer ticker_;
};

}  // namespace berth::app

#include "roles/list_watch.h"

#include "base/log.h"

#include <sys/stat.h>

namespace berth::app {

namespace {

constexpr milliseconds again_after = 30'000;  // every key is read anew, which may cost some tenths of a second each

std::vector<std::filesystem::path> files_of(const list_watch::versions& seen) {
    std::vector<std::filesystem::path> out;
    for (const auto& [file, version] : seen) {
        out.push_back(file);
    }
    return out;
}

}  // namespace

std::vector<std::filesystem::path> lists_of(const daemon_config& config) {
    std::vector<std::filesystem::path> out;
    const auto add = [&](const auto& files) { out.insert(out.end(), files.begin(), files.end()); };
    if (config.masa) {
        add(config.masa->device_crls);
        add(config.masa->registrar_crls);
    }
    if (config.registrar) {
        for (const auto& maker : config.registrar->makers) {
            add(maker.crls);
        }
        if (config.ca && config.ca->est) {
            add(config.ca->est->crls);
        }
    }
    if (config.element) {
        add(config.element->crls);
    }
    if (config.est) {
        for (const auto& each : config.est->trust) {
            add(each.crls);
        }
    }
    if (config.hub) {
        add(config.hub->admin_crls);
    }
    return out;
}

list_watch::list_watch(net::loop& on, const clock& time, std::function<result<void>()> take, milliseconds every)
    : clock_(time), every_(every), take_(std::move(take)), ticker_(on) {}

list_watch::versions list_watch::look_at(const std::vector<std::filesystem::path>& files) {
    versions out;
    for (const auto& file : files) {
        version v;
        struct stat found{};
        if (::stat(file.c_str(), &found) == 0) {
            v = {found.st_dev, found.st_ino, static_cast<uint64_t>(found.st_size),
                 int64_t{found.st_mtim.tv_sec} * 1'000'000'000 + found.st_mtim.tv_nsec};
        }
        out.emplace(file, v);
    }
    return out;
}

void list_watch::were_read(versions seen, role_lists lists) {
    read_ = std::move(seen);
    lists_ = std::move(lists);
    refused_.clear();
    spans_.clear();
    // Should one have been replaced since it was read, the next look sees that.
    for (const auto& l : lists_.in_force) {
        const auto found = spans_.find(l.file);
        if (l.list.next_update() != 0 && (found == spans_.end() || l.list.next_update() < found->second.next_update)) {
            spans_[l.file] = {l.list.this_update(), l.list.next_update()};
        }
    }
    if (!read_.empty()) {
        warn();
        ticker_.arm(every_, [this] { look(); });
    }
}

std::vector<list_watch::expiry> list_watch::expiries() const {
    std::vector<expiry> out;
    for (const auto& [file, s] : spans_) {
        out.push_back({file, s.next_update});
    }
    return out;
}

void list_watch::look() {
    ticker_.arm(every_, [this] { look(); });
    warn();
    auto now = look_at(files_of(read_));
    const milliseconds at = clock_.steady();
    if (now == read_ || (now == refused_ && at < again_at_)) {
        return;
    }
    const bool first = now != refused_;
    if (const auto taken = take_(); taken) {
        log::info("lists_read", "a revocation list has changed: all were read again");
    } else {
        refused_ = std::move(now);
        again_at_ = at + again_after;
        if (first) {
            log::failure("lists_refused", taken.error());
        }
    }
}

void list_watch::warn() {
    for (const auto& [file, s] : spans_) {
        const unix_seconds left = s.next_update - clock_.now();
        if (warned_[file] != s.next_update && left < (s.next_update - s.this_update) / 3) {
            warned_[file] = s.next_update;
            log::warning("list_ages",
                         left > 0
                             ? "a revocation list expires soon; put a newer one in its place"
                             : "a revocation list has expired: whom it speaks of is refused until a newer one is in its place",
                         {{"file", file.string()}, {"next_update", to_iso8601(s.next_update)}});
        }
    }
}

}  // namespace berth::app

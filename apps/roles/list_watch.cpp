#include "roles/list_watch.h"

#include "common/files.h"

#include <sys/stat.h>

namespace berth::app {

namespace {

constexpr milliseconds look_every = 2'000;

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
    }
    return out;
}

list_watch::list_watch(net::loop& on, const clock& time, std::function<void()> changed)
    : clock_(time), changed_(std::move(changed)), ticker_(on) {}

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

void list_watch::were_read(versions seen) {
    read_ = std::move(seen);
    spans_.clear();
    for (const auto& [file, v] : read_) {
        const auto lists = read_crls({file});
        if (!lists) {
            continue;  // replaced since it was read: the next look sees that
        }
        for (const auto& list : *lists) {
            if (list.next_update() == 0) {
                continue;
            }
            const auto [at, fresh] = spans_.try_emplace(file, span{list.this_update(), list.next_update()});
            if (!fresh && list.next_update() < at->second.next_update) {
                at->second = {list.this_update(), list.next_update()};
            }
        }
    }
    if (!read_.empty()) {
        warn();
        ticker_.arm(look_every, [this] { look(); });
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
    ticker_.arm(look_every, [this] { look(); });
    warn();
    std::vector<std::filesystem::path> files;
    for (const auto& [file, v] : read_) {
        files.push_back(file);
    }
    auto now = look_at(files);
    if (now != read_) {
        read_ = std::move(now);
        changed_();
    }
}

void list_watch::warn() {
    for (auto& [file, s] : spans_) {
        const unix_seconds left = s.next_update - clock_.now();
        if (!s.warned && left < (s.next_update - s.this_update) / 3) {
            s.warned = true;
            log::warning("list_ages",
                         left > 0
                             ? "a revocation list expires soon; put a newer one in its place"
                             : "a revocation list has expired: whom it speaks of is refused until a newer one is in its place",
                         {{"file", file.string()}, {"next_update", to_iso8601(s.next_update)}});
        }
    }
}

}  // namespace berth::app

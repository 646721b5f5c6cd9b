#include "desired_watch.h"

#include "base/log.h"

#include <fmt/format.h>

namespace berth::app {

result<std::unique_ptr<desired_watch>> desired_watch::open(const std::filesystem::path& hub_db) {
    BERTH_TRY(store, store::sqlite_hub_store::open(hub_db.string(), store::opening::again));
    std::unique_ptr<desired_watch> out(new desired_watch(std::move(store)));
    BERTH_TRY(newest, out->twins_.newest_news());
    out->last_ = newest;
    return out;
}

void desired_watch::listens(handle at, const registry::identity_name& who) {
    left(at);
    sessions_[at] = who;
    by_name_[who].insert(at);
}

void desired_watch::left(handle at) {
    const auto found = sessions_.find(at);
    if (found == sessions_.end()) {
        return;
    }
    const auto group = by_name_.find(found->second);
    group->second.erase(at);
    if (group->second.empty()) {
        by_name_.erase(group);
    }
    sessions_.erase(found);
}

result<std::vector<registry::desired_news>> desired_watch::read() {
    // The version first: what is written meanwhile is seen the next time.
    BERTH_TRY(version, store_->data_version());
    if (version == version_) {
        return {};
    }
    BERTH_TRY(some, twins_.news(last_, most_at_once));
    if (some.size() < most_at_once) {
        version_ = version;
    }
    return some;
}

std::vector<desired_watch::news> desired_watch::look() {
    auto some = read();
    if (!some) {
        if (!std::exchange(failed_, true)) {
            log::failure("desired_not_told", some.error(), {{"party", "broker"}});
        }
        return {};
    }
    failed_ = false;
    std::vector<news> out;
    for (const auto& one : *some) {
        last_ = one.number;
        const auto whom = by_name_.find(one.name);
        if (whom == by_name_.end()) {
            continue;
        }
        auto patch = wire::parse_json_object(one.patch, 4 * registry::most_twin_section);
        if (!patch) {
            continue;  // nobody of ours has written it
        }
        (*patch)["$version"] = one.version;
        for (const auto at : whom->second) {
            out.push_back(
                {at, fmt::format("$iothub/twin/PATCH/properties/desired/?$version={}", one.version), wire::to_text(*patch)});
        }
    }
    return out;
}

}  // namespace berth::app

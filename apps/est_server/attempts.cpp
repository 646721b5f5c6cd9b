#include "est_server/attempts.h"

namespace berth::app {

namespace {

constexpr unix_seconds counts_for = 60;
constexpr size_t most_kept = 10'000;

}  // namespace

bool attempts::may(const std::string& from, unix_seconds now) {
    if (by_one_.size() >= most_kept) {
        std::erase_if(by_one_, [now](const auto& each) { return each.second.until <= now; });
    }
    if (by_all_.until > now && by_all_.count >= most_of_all_) {
        return false;
    }
    const auto at = by_one_.find(from);
    return at == by_one_.end() || at->second.until <= now || at->second.count < most_of_one_;
}

void attempts::count(const std::string& from, unix_seconds now) {
    for (tally* const each : {&by_one_[from], &by_all_}) {
        if (each->until <= now) {
            *each = {0, now + counts_for};
        }
        ++each->count;
    }
}

}  // namespace berth::app

#include "provisioning/visits.h"

namespace berth::provisioning {

visits& visit_book::of(const std::string& device, unix_seconds now) {
    if (seen_.size() >= many_ && over(swept_, now)) {
        std::erase_if(seen_, [&](const auto& s) { return over(s.second.since, now); });
        swept_ = now;
        ++sweeps_;
    }
    visits& v = seen_[device];
    if (over(v.since, now)) {
        v = {now, 0, 0};
    }
    return v;
}

}  // namespace berth::provisioning

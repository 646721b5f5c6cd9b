#include "est/trusted_time.h"

#include <algorithm>

namespace berth::est {

void learn_lower_bound(time_knowledge& about, unix_seconds at) {
    about.not_earlier_than = std::max(about.not_earlier_than, at);
}

bool learn_time(time_knowledge& about, unix_seconds at, milliseconds steady_now) {
    if (at < about.not_earlier_than) {
        return false;
    }
    about.told = at;
    about.told_at = steady_now;
    // Not the lower bound: a source that errs by a year must not lock the device out of the year between.
    return true;
}

void forget_steady(time_knowledge& about) {
    about.told_at.reset();
}

unix_seconds now_by(const time_knowledge& about, const clock& system) {
    if (is_told(about)) {
        const milliseconds passed = std::max<milliseconds>(0, system.steady() - *about.told_at);
        return std::max(about.not_earlier_than, *about.told + passed / 1'000);
    }
    // What was told before a restart is past: later it can only be.
    return std::max({about.not_earlier_than, about.told.value_or(0), system.now()});
}

bool is_told(const time_knowledge& about) {
    return about.told && about.told_at;
}

}  // namespace berth::est

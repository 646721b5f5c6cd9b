// What time it is, for a device whose clock may be wrong: told by authenticated sources, and never before the issue date of
// its own newest certificate.
#pragma once

#include "base/clock.h"

#include <optional>

namespace berth::est {

// What is remembered. It is worth storing when it has changed, since a device without a battery wakes up in 1970.
struct time_knowledge {
    // It is not earlier: notBefore of the newest own certificate, thisUpdate of a list that was verified, a time that was told.
    unix_seconds not_earlier_than = 0;
    // The last that an authenticated source has told, and what the steady clock said then. Another boot: no steady reading.
    std::optional<unix_seconds> told;
    std::optional<milliseconds> told_at;
};

// notBefore of an own certificate, an issue date that was verified: moves the lower bound, never back.
void learn_lower_bound(time_knowledge& about, unix_seconds at);

// A source that was authenticated without relying on the time (the Date of an EST server whose chain was verified, a MASA) says
// that it is `at`. What is earlier than the lower bound is not believed; false then.
bool learn_time(time_knowledge& about, unix_seconds at, milliseconds steady_now);

// After a restart: the steady clock has begun anew.
void forget_steady(time_knowledge& about);

// Told time, carried on by the steady clock; without it the system's clock, which may be wrong; never before the lower bound.
unix_seconds now_by(const time_knowledge& about, const clock& system);

// Whether now_by() rests on something that was told since the start, rather than on the system's clock.
bool is_told(const time_knowledge& about);

}  // namespace berth::est

// Time as an argument. Protocol code never asks the system.
#pragma once

#include <cstdint>
#include <string>

namespace berth {

using unix_seconds = int64_t;  // seconds since 1970-01-01T00:00:00Z
using milliseconds = int64_t;  // of a clock that never goes backwards

class clock {
public:
    virtual ~clock() = default;
    // The wall clock. 0: this device has none.
    [[nodiscard]] virtual unix_seconds now() const = 0;
    // Monotonic, from an arbitrary origin.
    [[nodiscard]] virtual milliseconds steady() const = 0;
};

const clock& system_clock();

// A clock that stands still until it is moved; for tests and replays.
class manual_clock final : public clock {
public:
    explicit manual_clock(unix_seconds now) : now_(now) {}
    [[nodiscard]] unix_seconds now() const override { return now_; }
    [[nodiscard]] milliseconds steady() const override { return steady_; }
    void advance(milliseconds by) {
        steady_ += by;
        rest_ += by;
        now_ += rest_ / 1000;
        rest_ %= 1000;
    }
    void set(unix_seconds now) { now_ = now; }

private:
    unix_seconds now_;
    milliseconds steady_ = 0;
    milliseconds rest_ = 0;
};

// 2026-11-21T12:00:00Z
std::string to_iso8601(unix_seconds time);

}  // namespace berth

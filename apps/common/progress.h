// How far something is that takes minutes: a bar on a terminal, a line now and then elsewhere.
#pragma once

#include "base/clock.h"

#include <cstddef>
#include <string>

namespace berth::app {

struct progress {
    size_t done = 0;
    size_t total = 0;
    size_t failed = 0;
    double per_second = 0;  // 0: not known yet
    std::string unit = "units";

    // Milliseconds; 0 when the rate is not known.
    [[nodiscard]] milliseconds left() const;
};

// "0:07", "12:34", "3:05:00"
std::string duration_text(milliseconds time);
// "  412/5000  24.1 units/s  3:10 left, 2 failed"
std::string progress_text(const progress& p);
// The same behind a bar, in `width` columns at most.
std::string progress_bar(const progress& p, size_t width);

// Shows it on standard output: a bar on a terminal, ten times a second at most; else a line every five seconds.
class progress_display {
public:
    explicit progress_display(const clock& time);
    // Clears the bar away, for what is printed in its place.
    void clear();
    void show(const progress& p, bool last = false);
    // Shows nothing, and is due again as if it had.
    void skip();
    // Whether it is time for the next one.
    [[nodiscard]] bool due() const;

private:
    const clock& time_;
    bool terminal_;
    bool drawn_ = false;
    milliseconds next_ = 0;
};

}  // namespace berth::app

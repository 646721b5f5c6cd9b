// How often each device has asked within a window of time.
#pragma once

#include "base/clock.h"

#include <string>
#include <unordered_map>

namespace berth::provisioning {

struct visits {
    unix_seconds since = 0;
    unsigned begins = 0, polls = 0;
};

class visit_book {
public:
    // From `many` devices on, those whose window is over are forgotten, once in a window: whoever comes next does not pay for a
    // look at all of them.
    visit_book(unix_seconds window, size_t many) : window_(window), many_(many) {}

    visits& of(const std::string& device, unix_seconds now);
    [[nodiscard]] size_t size() const { return seen_.size(); }
    [[nodiscard]] uint64_t sweeps() const { return sweeps_; }

private:
    [[nodiscard]] bool over(unix_seconds since, unix_seconds now) const { return now - since >= window_ || now < since; }

    unix_seconds window_;
    size_t many_;
    std::unordered_map<std::string, visits> seen_;
    unix_seconds swept_ = 0;
    uint64_t sweeps_ = 0;
};

}  // namespace berth::provisioning

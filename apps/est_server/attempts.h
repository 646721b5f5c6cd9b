// How often somebody may try what costs the server more than it costs him, within a minute: from one neighbourhood, and from
// everywhere together.
#pragma once

#include "base/clock.h"

#include <map>
#include <string>

namespace berth::app {

class attempts {
public:
    attempts(uint32_t most_of_one, uint32_t most_of_all) : most_of_one_(most_of_one), most_of_all_(most_of_all) {}

    [[nodiscard]] bool may(const std::string& from, unix_seconds now);
    void count(const std::string& from, unix_seconds now);

private:
    struct tally {
        uint32_t count = 0;
        unix_seconds until = 0;
    };
    uint32_t most_of_one_, most_of_all_;
    std::map<std::string, tally> by_one_;
    tally by_all_;
};

}  // namespace berth::app

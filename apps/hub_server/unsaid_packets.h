// What berthd has seen go by of messages to devices while its line to the broker was down: it is said when the line is up again,
// or what a device has acknowledged in between would count as given and never acknowledged.
#pragma once

#include "hub/line/line.h"

#include <map>
#include <vector>

namespace berth::app {

class unsaid_packets {
public:
    // Then those of the oldest connection are dropped: what becomes of its messages is as if nobody had seen it.
    static constexpr size_t most = 10'000;

    void keep(hub::line_seen_packet what);
    // By connections, older ones first; each in the order in which it was kept.
    std::vector<hub::line_seen_packet> take();

private:
    std::map<uint64_t, std::vector<hub::line_seen_packet>> all_;  // by connection, of which no number comes twice
    size_t count_ = 0;
};

}  // namespace berth::app

#include "hub_server/unsaid_packets.h"

#include <iterator>
#include <utility>

namespace berth::app {

void unsaid_packets::keep(hub::line_seen_packet what) {
    auto& own = all_[what.connection];
    if (what.what == hub::line_seen_packet::kind::closed) {
        // The broker has seen its session end: what went by on it tells nothing any more.
        count_ -= own.size();
        own.clear();
    }
    own.push_back(std::move(what));
    if (++count_ > most) {
        count_ -= all_.begin()->second.size();
        all_.erase(all_.begin());
    }
}

std::vector<hub::line_seen_packet> unsaid_packets::take() {
    std::vector<hub::line_seen_packet> out;
    out.reserve(count_);
    for (auto& [connection, own] : all_) {
        out.insert(out.end(), std::move_iterator(own.begin()), std::move_iterator(own.end()));
    }
    all_.clear();
    count_ = 0;
    return out;
}

}  // namespace berth::app

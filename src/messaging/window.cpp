#include "messaging/window.h"

namespace berth::messaging {

replay_window::verdict replay_window::judge(uint64_t number) const {
    if (number > highest) {
        return verdict::fresh;
    }
    if (number == 0 || highest - number >= width) {
        return verdict::too_old;
    }
    return (seen >> (highest - number) & 1) != 0 ? verdict::repeated : verdict::fresh;
}

void replay_window::take(uint64_t number) {
    if (number > highest) {
        const uint64_t by = number - highest;
        seen = by >= width ? 0 : seen << by;
        highest = number;
    }
    seen |= uint64_t{1} << (highest - number);
}

}  // namespace berth::messaging

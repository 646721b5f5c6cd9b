// Which numbers of a sender have been seen: a sliding window, as OSCORE has it (RFC 8613 section 7.4) and IPsec (RFC 4303
// section 3.4.3). It needs no clock, and no more than two numbers have to be kept.
#pragma once

#include <cstdint>

namespace berth::messaging {

struct replay_window {
    static constexpr uint64_t width = 64;

    uint64_t highest = 0;  // 0: nothing was seen; numbers begin with 1
    uint64_t seen = 0;     // bit n: highest - n

    enum class verdict : uint8_t { fresh, repeated, too_old };
    [[nodiscard]] verdict judge(uint64_t number) const;
    // Of a fresh one.
    void take(uint64_t number);
    // Nothing up to `number` is taken any more.
    static replay_window closed_up_to(uint64_t number) { return {number, ~uint64_t{0}}; }

    bool operator==(const replay_window&) const = default;
};

}  // namespace berth::messaging

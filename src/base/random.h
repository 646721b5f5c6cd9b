// Randomness as an argument: crypto::system_random() in programs, a recorded stream in test vectors.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace berth {

class random_source {
public:
    virtual ~random_source() = default;
    // Fills all of `out`; a source that cannot does not return.
    virtual void fill(std::span<uint8_t> out) = 0;

    template <size_t N>
    std::array<uint8_t, N> octets() {
        std::array<uint8_t, N> out;
        fill(out);
        return out;
    }
    uint64_t number() {
        uint64_t n = 0;
        for (const uint8_t octet : octets<8>()) {
            n = n << 8 | octet;
        }
        return n;
    }
};

}  // namespace berth

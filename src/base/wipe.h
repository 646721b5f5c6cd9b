// Octets that are overwritten when they have been of use, in containers that do not do it themselves (secret.h has one that
// does).
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>

namespace berth {

inline void wipe(std::span<uint8_t> octets) noexcept {
    if (!octets.empty()) {
        explicit_bzero(octets.data(), octets.size());
    }
}

inline void wipe(std::string& text) noexcept {
    if (!text.empty()) {
        explicit_bzero(text.data(), text.size());
    }
}

}  // namespace berth

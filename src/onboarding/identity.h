// Who a device is: two makers may use the same serial, so the maker belongs to the name.
#pragma once

#include "base/bytes.h"

#include <array>
#include <compare>
#include <string>

namespace berth::onboarding {

// "Device identity [...] is the pair (SHA-256 of Z1's SubjectPublicKeyInfo, serial)" (docs/onboarding.md section 1).
struct device_identity {
    std::array<uint8_t, 32> device_root_spki{};
    std::string serial;  // 1 to 64 octets
    auto operator<=>(const device_identity&) const = default;

    // "3fa9…/SN-1": for logs and people.
    [[nodiscard]] std::string text() const { return to_hex(bytes_view(device_root_spki).first(4)) + "/" + serial; }
};

}  // namespace berth::onboarding

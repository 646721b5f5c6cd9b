// Where somebody comes from.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <array>
#include <string>

namespace berth::app {

// A network: "192.0.2.0/24", "2001:db8::/32", or one address.
struct network {
    std::array<uint8_t, 16> prefix{};  // IPv4 as ::ffff:0:0/96
    unsigned bits = 128;
    // Error `bad_network`.
    static result<network> parse(const std::string& text);
    // `address`: as in peer_info, with or without a port.
    [[nodiscard]] bool holds(const std::string& address) const;
};

// What counts as one guesser: an IPv4 address, or one /64 of IPv6. `address` as in network::holds().
std::string neighbourhood(const std::string& address);

}  // namespace berth::app

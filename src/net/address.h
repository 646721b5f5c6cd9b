// host:port as people write it.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace berth::net {

struct address {
    std::string host;  // a DNS name, an IPv4 address, or an IPv6 address without brackets
    uint16_t port = 0;
    [[nodiscard]] std::string text() const;
};

// "localhost:8443", "192.0.2.1:8443", "[2001:db8::1]:8443". Error `bad_address`.
result<address> parse_address(std::string_view text);

}  // namespace berth::net

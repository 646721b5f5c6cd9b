#include "net/address.h"

#include <charconv>

namespace berth::net {

std::string address::text() const {
    return (host.find(':') == std::string::npos ? host : '[' + host + ']') + ':' + std::to_string(port);
}

result<address> parse_address(std::string_view text) {
    const auto bad = [&] {
        return fail(error{error_category::usage,
                          "bad_address",
                          fmt::format("\"{}\" is not an address; write host:port or [IPv6]:port", text),
                          {{"address", std::string(text)}}});
    };
    const size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0) {
        return bad();
    }
    std::string_view host = text.substr(0, colon);
    if (host.front() == '[') {
        if (host.back() != ']') {
            return bad();
        }
        host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
        return bad();
    }
    // DNS names, IPv4 and IPv6 (with a zone) are made of these and of nothing else.
    static constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._:%";
    if (host.find_first_not_of(plain) != std::string_view::npos) {
        return bad();
    }
    const std::string_view digits = text.substr(colon + 1);
    uint16_t port = 0;
    const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (code != std::errc() || end != digits.data() + digits.size() || host.empty()) {
        return bad();
    }
    return address{std::string(host), port};
}

}  // namespace berth::net

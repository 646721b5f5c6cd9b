#include "est_server/network.h"

#include "net/address.h"

#include <charconv>

#include <arpa/inet.h>

namespace berth::app {

namespace {

// An address of either family in sixteen octets.
std::optional<std::array<uint8_t, 16>> octets_of(const std::string& text) {
    std::array<uint8_t, 16> out{};
    if (::inet_pton(AF_INET6, text.c_str(), out.data()) == 1) {
        return out;
    }
    out = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return ::inet_pton(AF_INET, text.c_str(), out.data() + 12) == 1 ? std::optional(out) : std::nullopt;
}

}  // namespace

result<network> network::parse(const std::string& text) {
    const size_t slash = text.find('/');
    const auto octets = octets_of(text.substr(0, slash));
    const bool v4 = text.find(':') == std::string::npos;
    const unsigned most = v4 ? 32 : 128;
    unsigned bits = most;
    bool bad = !octets;
    if (slash != std::string::npos) {
        const std::string_view rest = std::string_view(text).substr(slash + 1);
        const auto [end, failed] = std::from_chars(rest.data(), rest.data() + rest.size(), bits);
        bad = bad || failed != std::errc() || end != rest.data() + rest.size() || bits > most;
    }
    if (bad) {
        return fail(error_category::usage, "bad_network", fmt::format("\"{}\" is no network: 192.0.2.0/24, 2001:db8::/32", text));
    }
    return network{*octets, v4 ? bits + 96 : bits};
}

bool network::holds(const std::string& address) const {
    const auto parsed = net::parse_address(address);
    const auto octets = octets_of(parsed ? parsed->host : address);
    if (!octets) {
        return false;
    }
    for (unsigned bit = 0; bit < bits; ++bit) {
        const auto mask = static_cast<uint8_t>(0x80U >> (bit % 8));
        if (((prefix[bit / 8] ^ (*octets)[bit / 8]) & mask) != 0) {
            return false;
        }
    }
    return true;
}

std::string neighbourhood(const std::string& address) {
    const auto parsed = net::parse_address(address);
    const auto octets = octets_of(parsed ? parsed->host : address);
    return octets
               ? to_hex(bytes_view(*octets).first((*octets)[10] == 0xff && (*octets)[11] == 0xff && (*octets)[0] == 0 ? 16 : 8))
               : address;
}

}  // namespace berth::app

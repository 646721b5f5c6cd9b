#include "registry/provisioning/registration.h"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>
#include <fmt/format.h>

namespace berth::registry {

namespace {

constexpr std::array<std::string_view, 3> statuses{"assigned", "failed", "disabled"};
constexpr std::array<std::string_view, 4> details{"initialAssignment", "deviceDataMigrated", "deviceDataReset",
                                                  "reprovisionedToInitialAssignment"};
constexpr size_t most_prefixes = 64;

template <class E, size_t N>
std::optional<E> from(const std::array<std::string_view, N>& all, std::string_view text) {
    const auto* const found = std::ranges::find(all, text);
    return found != all.end() ? std::optional(static_cast<E>(found - all.begin())) : std::nullopt;
}

tl::unexpected<error> bad(const std::string& member, const std::string& why) {
    return fail(error{error_category::usage, "bad_linked_hub", fmt::format("{} {}", member, why), {{"member", member}}});
}

std::optional<unsigned> number(std::string_view text) {
    unsigned out = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
    const bool whole = failed == std::errc() && end == text.data() + text.size();
    return whole && (text.size() == 1 || text.front() != '0') ? std::optional(out) : std::nullopt;
}

// RFC 1123 2.1: labels of letters, digits and '-', neither first nor last, of up to 63; in lower case, so that equal ones look
// so.
bool is_host(std::string_view host) {
    if (host.empty() || host.size() > 253) {
        return false;
    }
    for (size_t from = 0; from <= host.size();) {
        const std::string_view label = host.substr(from, host.find('.', from) - from);
        const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
        if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-' ||
            !std::ranges::all_of(label, plain)) {
            return false;
        }
        from += label.size() + 1;
    }
    return true;
}

}  // namespace

std::string_view to_string(registration_status s) {
    return statuses[static_cast<size_t>(s)];
}

std::optional<registration_status> registration_status_from(std::string_view text) {
    return from<registration_status>(statuses, text);
}

std::string_view to_string(registration_detail d) {
    return details[static_cast<size_t>(d)];
}

std::optional<registration_detail> registration_detail_from(std::string_view text) {
    return from<registration_detail>(details, text);
}

std::string registration::etag() const {
    return fmt::format("{:x}-{}", created, version);
}

result<void> check_linked_hub(const linked_hub& hub) {
    const std::string_view whole = hub.host;
    const size_t colon = std::min(whole.find(':'), whole.size());
    if (!is_host(whole.substr(0, colon))) {
        return bad("host", "is HOST or HOST:PORT: a DNS name in lower case, or an IPv4 address");
    }
    if (colon < whole.size()) {
        const auto port = number(whole.substr(colon + 1));
        if (!port || *port == 0 || *port > 65'535) {
            return bad("host", "has a port of 1 to 65535 behind the colon");
        }
    }
    if (hub.weight == 0 || hub.weight > most_hub_weight) {
        return bad("weight", fmt::format("is 1 to {}", most_hub_weight));
    }
    if (hub.near.size() > most_prefixes) {
        return bad("near", fmt::format("is up to {} prefixes", most_prefixes));
    }
    for (const auto& prefix : hub.near) {
        if (!address_prefix::parse(prefix)) {
            return bad("near", fmt::format("is address prefixes such as 10.0.0.0/8 or 2001:db8::/32, and \"{}\" is none",
                                           prefix.substr(0, 64)));
        }
    }
    return {};
}

std::optional<address_prefix> address_prefix::parse(std::string_view text) {
    const size_t slash = std::min(text.find('/'), text.size());
    const std::string address(text.substr(0, slash));
    // inet_pton reads up to the first of them.
    if (address.find('\0') != std::string::npos) {
        return std::nullopt;
    }
    address_prefix out;
    unsigned offset = 0;
    if (inet_pton(AF_INET6, address.c_str(), out.octets.data()) != 1) {
        out.octets = {};
        out.octets[10] = out.octets[11] = 0xff;
        offset = 96;
        if (inet_pton(AF_INET, address.c_str(), out.octets.data() + 12) != 1) {
            return std::nullopt;
        }
    }
    out.bits = 128;
    if (slash < text.size()) {
        const auto length = number(text.substr(slash + 1));
        if (!length || *length > 128 - offset) {
            return std::nullopt;
        }
        out.bits = *length + offset;
    }
    for (unsigned bit = out.bits; bit < 128; ++bit) {
        if ((out.octets[bit / 8] & (0x80u >> bit % 8)) != 0) {
            return std::nullopt;
        }
    }
    return out;
}

bool address_prefix::holds(const address_prefix& address) const {
    for (unsigned bit = 0; bit < bits; ++bit) {
        if (((octets[bit / 8] ^ address.octets[bit / 8]) & (0x80u >> bit % 8)) != 0) {
            return false;
        }
    }
    return true;
}

}  // namespace berth::registry

#include "hub/access/origin.h"

#include <algorithm>

namespace berth::hub {

namespace {

constexpr std::string_view scheme = "https://";
constexpr size_t most_origin = 300;

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return out;
}

// Where ":port" begins, or the end: of "[::1]:443" behind the bracket.
size_t port_at(std::string_view authority) {
    const size_t inner = authority.starts_with('[') ? std::min(authority.find(']'), authority.size()) : 0;
    return std::min(authority.find(':', inner), authority.size());
}

}  // namespace

std::string normal_origin(std::string_view text) {
    std::string out = text.size() <= most_origin ? lower(text) : std::string();
    if (!out.starts_with(scheme) || out.find_first_of("/?#@ \t", scheme.size()) != std::string::npos) {
        return {};
    }
    const size_t port = scheme.size() + port_at(std::string_view(out).substr(scheme.size()));
    if (port == scheme.size()) {
        return {};  // no host
    }
    if (std::string_view(out).substr(port) == ":443") {
        out.resize(port);
    }
    return out;
}

bool may_ask(std::string_view origin, std::string_view host, std::string_view host_header, std::span<const std::string> others) {
    const std::string said = normal_origin(origin);
    if (said.empty()) {
        return false;
    }
    const std::string_view port = host_header.substr(port_at(host_header));
    return said == normal_origin(std::string(scheme) + std::string(host) + std::string(port)) ||
           std::ranges::any_of(others, [&](const auto& one) { return normal_origin(one) == said; });
}

}  // namespace berth::hub

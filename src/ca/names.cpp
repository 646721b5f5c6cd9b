#include "ca/names.h"

#include <algorithm>
#include <cstdint>

namespace berth::ca {

namespace {

tl::unexpected<error> refuse(std::string_view attribute, const std::string& why) {
    return fail(
        error{error_category::peer, "bad_name", "A name that was asked for belongs into no certificate: " + why + "."}.with(
            "attribute", std::string(attribute)));
}

// Shortest forms only, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text) {
    for (size_t i = 0; i < text.size();) {
        const auto first = static_cast<uint8_t>(text[i]);
        const size_t more = first < 0x80 ? 0 : (first >> 5) == 6 ? 1 : (first >> 4) == 14 ? 2 : (first >> 3) == 30 ? 3 : 9;
        if (more == 9 || i + more >= text.size()) {
            return false;
        }
        uint32_t code = more == 0 ? first : first & (0x3fU >> more);
        for (size_t k = 1; k <= more; ++k) {
            const auto next = static_cast<uint8_t>(text[i + k]);
            if ((next & 0xc0U) != 0x80) {
                return false;
            }
            code = code << 6 | (next & 0x3fU);
        }
        constexpr uint32_t least[] = {0, 0x80, 0x800, 0x10000};
        if (code < least[more] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
            return false;
        }
        i += more + 1;
    }
    return true;
}

// RFC 5280 A.1, upper bounds: ub-common-name, ub-serial-number and most others are 64; ub-locality-name and
// ub-state-name are 128.
size_t longest(std::string_view attribute) {
    if (attribute == "URI") {
        return 1024;
    }
    if (attribute == "C") {
        return 2;
    }
    return attribute == "L" || attribute == "ST" || attribute == "street" ? 128 : 64;
}

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

result<void> check_name_value(std::string_view attribute, std::string_view value) {
    if (value.empty() || value.size() > longest(attribute)) {
        return refuse(attribute, std::string(attribute) + " has " + std::to_string(value.size()) + " octets, and may have 1 to " +
                                     std::to_string(longest(attribute)));
    }
    const bool control = std::ranges::any_of(value, [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; });
    if (control || !is_utf8(value)) {
        return refuse(attribute, std::string(attribute) + " holds a control character (such as NUL), or is not UTF-8");
    }
    // Common names are hosts to some: the rule of dNSName holds for them.
    if (value.find('*') != std::string_view::npos) {
        return refuse(attribute, std::string(attribute) + " holds a wildcard");
    }
    return {};
}

result<void> check_dns_name(std::string_view name) {
    if (name.empty() || name.size() > 253) {
        return refuse("dNSName", "a DNS name has 1 to 253 octets");
    }
    if (name.find('*') != std::string_view::npos) {
        return refuse("dNSName", "a DNS name holds a wildcard, which stands for hosts that nobody has named");
    }
    size_t label = 0;
    for (size_t i = 0; i <= name.size(); ++i) {
        if (i == name.size() || name[i] == '.') {
            const bool hyphen = label > 0 && (name[i - 1] == '-' || name[i - label] == '-');
            if (label == 0 || label > 63 || hyphen) {
                return refuse("dNSName", "a DNS name has a label that is empty, longer than 63 octets, or edged by a hyphen");
            }
            label = 0;
        } else if (is_letter_or_digit(name[i]) || name[i] == '-') {
            ++label;
        } else {
            return refuse("dNSName", "a DNS name holds something else than letters, digits, hyphens and dots");
        }
    }
    return {};
}

bool is_dotted_oid(std::string_view text) {
    size_t arcs = 0;
    for (size_t i = 0; i <= text.size(); ++arcs) {
        const size_t end = std::min(text.find('.', i), text.size());
        const std::string_view arc = text.substr(i, end - i);
        const bool digits = std::ranges::all_of(arc, [](char c) { return c >= '0' && c <= '9'; });
        if (arc.empty() || !digits || (arc.size() > 1 && arc.front() == '0') || (arcs == 0 && (arc.size() > 1 || arc > "2"))) {
            return false;
        }
        i = end + 1;
    }
    return arcs >= 2;
}

std::string lower_case(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
    return out;
}

}  // namespace berth::ca

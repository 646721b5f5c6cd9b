#include "hub/access/percent.h"

#include "base/bytes.h"

#include <fmt/format.h>

namespace berth::hub {

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        const auto octet = i + 2 < text.size() ? from_hex(text.substr(i + 1, 2)) : result<bytes>(bytes());
        if (!octet || octet->size() != 1 || octet->front() == 0) {
            return std::nullopt;
        }
        out += static_cast<char>(octet->front());
        i += 2;
    }
    return out;
}

std::string percent_encoded(std::string_view text) {
    constexpr std::string_view plain = "-_.!~*'()";
    std::string out;
    for (const char c : text) {
        const bool stays =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || plain.find(c) != plain.npos;
        out += stays ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

}  // namespace berth::hub

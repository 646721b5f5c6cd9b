#include "provisioning/percent.h"

#include "base/bytes.h"

namespace berth::provisioning {

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        const auto octet = i + 2 < text.size() ? from_hex(text.substr(i + 1, 2)) : result<bytes>(bytes());
        if (!octet || octet->size() != 1) {
            return std::nullopt;
        }
        out += static_cast<char>(octet->front());
        i += 2;
    }
    return out.find('\0') == out.npos ? std::optional(std::move(out)) : std::nullopt;
}

std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> out;
    for (;;) {
        const size_t found = text.find(at);
        out.push_back(text.substr(0, found));
        if (found == text.npos) {
            return out;
        }
        text.remove_prefix(found + 1);
    }
}

}  // namespace berth::provisioning

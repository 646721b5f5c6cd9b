#include "provisioning/parts.h"

namespace berth::provisioning {

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

// Whose a message is, by its topic: "devices/dev1/messages/devicebound/...". Stands alone: also what lies in a broker's way asks
// it.
#pragma once

#include <optional>
#include <string_view>

namespace berth::hub {

// "dev1". Nothing: it is another topic.
inline std::optional<std::string_view> device_of_message(std::string_view topic) {
    constexpr std::string_view root = "devices/", below = "/messages/devicebound/";
    if (!topic.starts_with(root)) {
        return std::nullopt;
    }
    topic.remove_prefix(root.size());
    const size_t slash = topic.find('/');
    if (slash == std::string_view::npos || slash == 0 || !topic.substr(slash).starts_with(below)) {
        return std::nullopt;
    }
    return topic.substr(0, slash);
}

}  // namespace berth::hub

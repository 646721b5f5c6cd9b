#include "onboarding/errors.h"

#include "base/log.h"
#include "onboarding/messages/error.h"

namespace berth::onboarding {

std::string_view advice_for(std::string_view name) {
    for (const auto& r : refusals) {
        if (r.name == name) {
            return r.advice;
        }
    }
    return {};
}

error_category category_of(std::string_view name) {
    return name == "masa_unreachable" ? error_category::environment : error_category::peer;
}

error refusal(std::string_view name) {
    return {category_of(name), std::string(name), std::string(advice_for(name))};
}

error refusal(std::string_view name, std::string_view found) {
    return {category_of(name), std::string(name), fmt::format("{} ({})", found, advice_for(name))};
}

bool is_protocol_error(std::string_view name) {
    return !advice_for(name).empty();
}

error_message to_message(const error& e) {
    error_message m;
    // Names from below (a chain that does not verify) are not the protocol's: the peer learns the nearest one only.
    m.name = wire::opaque<1, 64>(is_protocol_error(e.name) ? std::string_view(e.name) : "abandoned");
    m.text = wire::opaque<0, 255>(advice_for(m.name.text()).substr(0, 255));
    return m;
}

error from_message(const error_message& m, std::string_view sender) {
    const std::string_view name = is_protocol_error(m.name.text()) ? m.name.text() : std::string_view("peer_error");
    return error{category_of(name),
                 std::string(name),
                 fmt::format("the {} answered: {}", sender, advice_for(name)),
                 {{"from", std::string(sender)}, {"text", log::escape(m.text.text())}}};
}

}  // namespace berth::onboarding

#include "hub/topics/request.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace berth::hub {

namespace {

constexpr size_t most_rid = 128;

struct beginning {
    std::string_view text;
    hub_request::kind what;
};
constexpr std::array beginnings{
    beginning{"$iothub/twin/GET/?", hub_request::kind::get_twin},
    beginning{"$iothub/twin/PATCH/properties/reported/?", hub_request::kind::report},
    beginning{"$iothub/credentials/POST/issueCertificate/?", hub_request::kind::issue_certificate},
};

}  // namespace

bool stands_for_itself(std::string_view text) {
    return !text.empty() && text.size() <= most_rid && std::ranges::all_of(text, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               std::string_view("-._~:%").find(c) != std::string_view::npos;
    });
}

std::string hub_request::answer_topic(unsigned status, std::string_view more) const {
    return fmt::format("$iothub/{}/res/{}/?$rid={}{}{}", service(), status, rid, more.empty() ? "" : "&", more);
}

std::optional<hub_request> parse_hub_request(std::string_view topic) {
    const auto* const found = std::ranges::find_if(beginnings, [&](const beginning& one) { return topic.starts_with(one.text); });
    if (found == beginnings.end()) {
        return std::nullopt;
    }
    hub_request out{found->what, {}};
    std::string_view rest = topic.substr(found->text.size());
    while (!rest.empty()) {
        const std::string_view word = rest.substr(0, std::min(rest.find('&'), rest.size()));
        rest.remove_prefix(std::min(word.size() + 1, rest.size()));
        constexpr std::string_view rid = "$rid=";
        if (!word.starts_with(rid)) {
            continue;
        }
        if (!out.rid.empty() || !stands_for_itself(word.substr(rid.size()))) {
            return std::nullopt;
        }
        out.rid = word.substr(rid.size());
    }
    return out.rid.empty() ? std::nullopt : std::optional(std::move(out));
}

}  // namespace berth::hub

#include "hub/access/rights.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace berth::hub {

namespace {

constexpr std::array<std::string_view, all_rights.size()> names{"registryRead", "registryWrite", "serviceConnect",
                                                                "deviceConnect"};

}  // namespace

std::string_view to_string(right r) {
    return names[static_cast<size_t>(r)];
}

std::optional<right> right_from(std::string_view text) {
    const auto* const found = std::ranges::find(names, text);
    return found != names.end() ? std::optional(static_cast<right>(found - names.begin())) : std::nullopt;
}

std::string to_string(right_set rights) {
    std::string out;
    for (const right r : all_rights) {
        if (rights.has(r)) {
            out += (out.empty() ? "" : ",") + std::string(to_string(r));
        }
    }
    return out;
}

result<right_set> rights_from(std::string_view list) {
    right_set out;
    for (;;) {
        const size_t comma = std::min(list.find(','), list.size());
        const auto one = right_from(list.substr(0, comma));
        if (!one) {
            return fail(error_category::usage, "bad_rights",
                        fmt::format("\"{}\" is none of the rights {}; separate several by commas",
                                    list.substr(0, std::min<size_t>(comma, 64)), fmt::join(names, ", ")));
        }
        out.add(*one);
        if (comma == list.size()) {
            return out;
        }
        list.remove_prefix(comma + 1);
    }
}

}  // namespace berth::hub

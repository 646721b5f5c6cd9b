// JSON of somebody else's that becomes a member of an object of ours.
#pragma once

#include "wire/json.h"

namespace berth::wire {

// As parse_json(), and with a level to spare, so that what it becomes part of can be read as well.
inline result<json::value> parse_inner_json(std::string_view text, size_t most_octets) {
    if (text.size() > most_octets) {
        return fail(error_category::peer, "too_large", "more JSON than is taken");
    }
    BERTH_TRY(list, parse_json("[" + std::string(text) + "]", most_octets + 2));
    auto& all = list.get_array();
    if (all.size() != 1) {
        return fail(error_category::peer, "bad_json", "not one value");
    }
    return std::move(all.front());
}

}  // namespace berth::wire

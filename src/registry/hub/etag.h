// What If-Match says (RFC 9110 13.1.1), compared with an etag.
#pragma once

#include <string_view>

namespace berth::registry {

// "*", or the etag, quoted or not; a weak one counts as the same, since ours never say that something is only nearly so.
inline bool etag_matches(std::string_view if_match, std::string_view etag) {
    if (if_match == "*") {
        return true;
    }
    if (if_match.starts_with("W/")) {
        if_match.remove_prefix(2);
    }
    if (if_match.size() >= 2 && if_match.front() == '"' && if_match.back() == '"') {
        if_match = if_match.substr(1, if_match.size() - 2);
    }
    return if_match == etag;
}

}  // namespace berth::registry

// Strict JSON (RFC 8259) on top of Boost.JSON: duplicate member names are refused, depth and size are bounded, the text
// must be one value and nothing else. Boost.JSON alone takes the last of two equal names without a word. A fraction is read
// to within a few units of a double's last place (Boost.JSON 1.81); integers are exact.
#pragma once

#include "base/bytes.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace berth::wire {

namespace json = boost::json;

inline constexpr size_t json_most_octets = 4 * 1024 * 1024;
inline constexpr size_t json_most_depth = 32;

// Errors: `bad_json` (with the octet offset), `duplicate_json_member` (with the name), `too_large`.
result<json::value> parse_json(std::string_view text, size_t most_octets = json_most_octets);
// As above, and the value must be an object.
result<json::object> parse_json_object(std::string_view text, size_t most_octets = json_most_octets);

// Compact, members in the order in which they were inserted.
std::string to_text(const json::value& value);

// A member that must be there with the right kind; error `bad_json` naming it.
result<std::string> text_member(const json::object& object, std::string_view name);
result<int64_t> integer_member(const json::object& object, std::string_view name);

}  // namespace berth::wire

// What may stand in a name of a certificate. Other programs read these names, and some of them stop at a NUL, take a star for
// many hosts, or cut what is long.
#pragma once

#include "base/result.h"

#include <string>
#include <string_view>

namespace berth::ca {

// One value of an attribute, or a URI: UTF-8 without control characters, 1 to 64 octets (of a URI, O, OU, street: as many as
// RFC 5280's appendix allows). Error `bad_name` (category peer), param "attribute".
result<void> check_name_value(std::string_view attribute, std::string_view value);
// RFC 1123: letters, digits, hyphens, no wildcard, no trailing dot; 253 octets, labels of 63. Error `bad_name`.
result<void> check_dns_name(std::string_view name);
bool is_dotted_oid(std::string_view text);
std::string lower_case(std::string_view text);  // ASCII

}  // namespace berth::ca

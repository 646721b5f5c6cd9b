// Percent-encoding in paths and tokens (RFC 3986 section 2.1).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace berth::hub {

// %41 -> A; a '+' stays one. Nothing: a bad escape, or an octet 0.
std::optional<std::string> percent_decoded(std::string_view text);
// As JavaScript's encodeURIComponent writes it, which the SDKs use.
std::string percent_encoded(std::string_view text);

}  // namespace berth::hub

// Percent-encoding of path segments and of what stands in MQTT topics and user names (RFC 3986 2.1).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berth::provisioning {

// Nothing: a bad escape, or an octet 0.
std::optional<std::string> percent_decoded(std::string_view text);
// What stands between the characters; "" yields one empty part.
std::vector<std::string_view> split(std::string_view text, char at);

}  // namespace berth::provisioning

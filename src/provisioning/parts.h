// Paths, MQTT topics and user names, taken apart (RFC 3986 2.1).
#pragma once

#include "hub/access/percent.h"

#include <vector>

namespace berth::provisioning {

using hub::percent_decoded;
// What stands between the characters; "" yields one empty part.
std::vector<std::string_view> split(std::string_view text, char at);

}  // namespace berth::provisioning

// Times as they come in requests (RFC 3339).
#pragma once

#include "base/clock.h"

#include <optional>
#include <string_view>

namespace berth::hub {

// "2030-01-31T12:00:00Z", also with fractions of a second, which are dropped. Nothing: it is none.
std::optional<unix_seconds> time_from(std::string_view text);

}  // namespace berth::hub

// Lines that strangers cause: whoever comes as far as a handshake makes the broker write. So they are short, and no more than so
// many in a second; how many were not told is told with the next.
#pragma once

#include "base/clock.h"
#include "base/log.h"

#include <optional>

namespace berth::app {

class line_limit {
public:
    static constexpr size_t most = 20;
    static constexpr milliseconds span = 1'000;
    // Nothing: this one is not told. Else how many were not since the last. `now`: steady.
    std::optional<size_t> next(milliseconds now);

private:
    milliseconds began_ = 0;
    size_t told_ = 0, untold_ = 0;
    bool begun_ = false;
};

// The text's beginning, with no character cut in two.
inline constexpr size_t most_shown = 256;
std::string_view shown(std::string_view text);

// On the broker's thread.
void tell_refusal(std::string_view event, std::string_view why, std::vector<log::field> about);

}  // namespace berth::app

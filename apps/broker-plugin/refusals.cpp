#include "refusals.h"

namespace berth::app {

std::optional<size_t> line_limit::next(milliseconds now) {
    if (!begun_ || now - began_ >= span) {
        begun_ = true;
        began_ = now;
        told_ = 0;
    }
    if (told_ == most) {
        ++untold_;
        return std::nullopt;
    }
    ++told_;
    return std::exchange(untold_, 0);
}

std::string_view shown(std::string_view text) {
    if (text.size() <= most_shown) {
        return text;
    }
    size_t end = most_shown;
    while (end > most_shown - 4 && (static_cast<uint8_t>(text[end]) & 0xc0U) == 0x80) {
        --end;
    }
    return text.substr(0, end);
}

void tell_refusal(std::string_view event, std::string_view why, std::vector<log::field> about) {
    static line_limit limit;
    const auto untold = limit.next(system_clock().steady());
    if (!untold) {
        return;
    }
    for (auto& one : about) {
        one.value = shown(one.value);
    }
    if (*untold > 0) {
        about.emplace_back("not_told", *untold);
    }
    log::warning(event, shown(why), std::move(about));
}

}  // namespace berth::app

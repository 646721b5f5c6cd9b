#include "hub/access/iso_time.h"

#include <algorithm>
#include <charconv>
#include <chrono>

namespace berth::hub {

std::optional<unix_seconds> time_from(std::string_view text) {
    constexpr std::string_view form = "dddd-dd-ddTdd:dd:dd";
    if (text.size() <= form.size() || text.back() != 'Z') {
        return std::nullopt;
    }
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    for (size_t i = 0; i < form.size(); ++i) {
        if (form[i] == 'd' ? !is_digit(text[i]) : text[i] != form[i]) {
            return std::nullopt;
        }
    }
    const auto fraction = text.substr(form.size(), text.size() - form.size() - 1);
    if (!fraction.empty() &&
        (fraction.front() != '.' || fraction.size() == 1 || !std::ranges::all_of(fraction.substr(1), is_digit))) {
        return std::nullopt;
    }
    const auto number = [text](size_t from, size_t length) {
        unsigned out = 0;
        std::from_chars(text.data() + from, text.data() + from + length, out);
        return out;
    };
    const std::chrono::year_month_day day{std::chrono::year(static_cast<int>(number(0, 4))), std::chrono::month(number(5, 2)),
                                          std::chrono::day(number(8, 2))};
    if (!day.ok() || number(11, 2) > 23 || number(14, 2) > 59 || number(17, 2) > 59) {
        return std::nullopt;
    }
    const unix_seconds midnight = std::chrono::sys_days(day).time_since_epoch().count() * unix_seconds{86'400};
    return midnight + number(11, 2) * 3'600 + number(14, 2) * 60 + number(17, 2);
}

}  // namespace berth::hub

#include "est/http.h"

#include <charconv>

namespace berth::est {

namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

std::string lowered(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), lower);
    return out;
}

bool is_token_character(char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, is_token_character);
}

void skip_blanks(std::string_view& text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
        text.remove_prefix(1);
    }
}

// A token or a quoted-string, taken off the front.
std::optional<std::string> take_value(std::string_view& text) {
    if (text.empty() || text.front() != '"') {
        const auto end = std::ranges::find_if_not(text, is_token_character);
        const std::string_view token = text.substr(0, static_cast<size_t>(end - text.begin()));
        text.remove_prefix(token.size());
        return token.empty() ? std::nullopt : std::optional<std::string>(token);
    }
    std::string out;
    for (text.remove_prefix(1); !text.empty() && text.front() != '"'; text.remove_prefix(1)) {
        if (text.front() == '\\') {
            text.remove_prefix(1);
            if (text.empty()) {
                return std::nullopt;
            }
        }
        out.push_back(text.front());
    }
    if (text.empty()) {
        return std::nullopt;
    }
    text.remove_prefix(1);
    return out;
}

template <class T>
std::optional<T> number(std::string_view digits) {
    T value{};
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool all = !digits.empty() && digits.front() >= '0' && digits.front() <= '9';
    return all && problem == std::errc{} && end == digits.data() + digits.size() ? std::optional(value) : std::nullopt;
}

}  // namespace

bool same_word(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view http_headers::get(std::string_view name) const {
    const auto found = std::ranges::find_if(fields, [name](const auto& field) { return same_word(field.first, name); });
    return found == fields.end() ? std::string_view{} : std::string_view(found->second);
}

std::string_view media_type::parameter(std::string_view name) const {
    const auto found = std::ranges::find(parameters, name, &std::pair<std::string, std::string>::first);
    return found == parameters.end() ? std::string_view{} : std::string_view(found->second);
}

std::optional<media_type> parse_media_type(std::string_view text) {
    skip_blanks(text);
    const size_t end = text.find_first_of("; \t");
    const std::string_view type = text.substr(0, end);
    const size_t slash = type.find('/');
    if (slash == std::string_view::npos || !is_token(type.substr(0, slash)) || !is_token(type.substr(slash + 1))) {
        return std::nullopt;
    }
    media_type out{lowered(type), {}};
    text.remove_prefix(type.size());
    for (skip_blanks(text); !text.empty(); skip_blanks(text)) {
        if (text.front() != ';' || out.parameters.size() == 16) {
            return std::nullopt;
        }
        text.remove_prefix(1);
        skip_blanks(text);
        if (text.empty()) {
            break;  // a semicolon at the end is an empty parameter list
        }
        const size_t equals = text.find('=');
        if (equals == std::string_view::npos || !is_token(text.substr(0, equals))) {
            return std::nullopt;
        }
        std::string name = lowered(text.substr(0, equals));
        text.remove_prefix(equals + 1);
        auto value = take_value(text);
        if (!value) {
            return std::nullopt;
        }
        out.parameters.emplace_back(std::move(name), std::move(*value));
    }
    return out;
}

std::optional<unix_seconds> parse_http_date(std::string_view text) {
    using namespace std::chrono;
    static constexpr std::array<std::string_view, 12> names{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    // 0....,....1....,....2....,....
    // Sun, 06 Nov 1994 08:49:37 GMT
    if (text.size() != 29 || text.substr(3, 2) != ", " || text[7] != ' ' || text[11] != ' ' || text[16] != ' ' ||
        text[19] != ':' || text[22] != ':' || text.substr(25) != " GMT") {
        return std::nullopt;
    }
    const auto d = number<unsigned>(text.substr(5, 2));
    const auto month_name = std::ranges::find(names, text.substr(8, 3));
    const auto y = number<int>(text.substr(12, 4));
    const auto hour = number<unsigned>(text.substr(17, 2));
    const auto minute = number<unsigned>(text.substr(20, 2));
    const auto second = number<unsigned>(text.substr(23, 2));
    if (!d || month_name == names.end() || !y || !hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) {
        return std::nullopt;
    }
    const year_month_day date{year(*y), month(static_cast<unsigned>(month_name - names.begin()) + 1), day(*d)};
    if (!date.ok() || *y < 1970) {
        return std::nullopt;
    }
    return sys_days(date).time_since_epoch().count() * unix_seconds{86'400} + *hour * 3600 + *minute * 60 + *second;
}

std::optional<uint32_t> parse_retry_after(std::string_view text, unix_seconds now) {
    if (const auto seconds = number<uint32_t>(text)) {
        return seconds;
    }
    const auto date = parse_http_date(text);
    if (!date) {
        return std::nullopt;
    }
    return static_cast<uint32_t>(std::clamp<unix_seconds>(*date - now, 0, UINT32_MAX));
}

}  // namespace berth::est

#include "common/csv.h"

#include <algorithm>

namespace berth::app {

namespace {

constexpr std::string_view blanks = " \t\r";

}  // namespace

std::string_view trimmed(std::string_view text) {
    const size_t first = text.find_first_not_of(blanks);
    return first == std::string_view::npos ? std::string_view() : text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::optional<char> separator_of(std::string_view rest) {
    enum class place : uint8_t { start, plain, quoted, closed } at = place::start;
    for (const char c : rest) {
        if (at == place::quoted) {
            at = c == '"' ? place::closed : place::quoted;
        } else if (c == '"' && (at == place::start || at == place::closed)) {
            at = place::quoted;  // begins, or goes on behind a doubled one; elsewhere it is a character like others
        } else if (c == ',' || c == ';' || c == '\t') {
            return c;
        } else if (c == '\n') {
            return std::nullopt;
        } else if (at != place::start || c != ' ') {
            at = place::plain;
        }
    }
    return std::nullopt;
}

namespace {

// The quoted part of a field, which `rest` begins with and loses.
void take_quoted(std::string_view& rest, csv_record& out) {
    for (rest.remove_prefix(1);;) {
        const size_t quote = rest.find('"');
        const std::string_view text = rest.substr(0, quote);
        out.fields.back() += text;
        out.lines += static_cast<size_t>(std::ranges::count(text, '\n'));
        if (quote == std::string_view::npos) {
            out.mistake = "a quote is not closed, and nothing from here on was read";
            rest = {};
            return;
        }
        rest.remove_prefix(quote + 1);
        if (!rest.starts_with('"')) {
            return;
        }
        out.fields.back() += '"';  // it was doubled
        rest.remove_prefix(1);
    }
}

}  // namespace

csv_record take_record(std::string_view& rest, char separator) {
    const char ends[] = {separator, '\n'};
    csv_record out;
    for (bool more = true; more;) {
        out.fields.emplace_back();
        rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
        const bool quoted = rest.starts_with('"');
        if (quoted) {
            take_quoted(rest, out);
        }
        const size_t end = std::min(rest.find_first_of({ends, 2}), rest.size());
        const std::string_view plain = trimmed(rest.substr(0, end));
        if (quoted && !plain.empty()) {
            out.mistake = "there is text behind a closing quote";
        } else if (!quoted) {
            out.fields.back() = plain;
        }
        more = end < rest.size() && rest[end] == separator;
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return out;
}

bool is_blank(const csv_record& r) {
    return !r.mistake &&
           std::ranges::all_of(r.fields, [](const auto& f) { return f.find_first_not_of(",;\t ") == std::string::npos; });
}

}  // namespace berth::app

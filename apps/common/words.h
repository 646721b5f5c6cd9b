// Words that people type, and words that they paste.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berth::app {

// The one of `known` that somebody who typed `word` has meant, if one is near: two slips at most, and fewer in short words.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known);

// For a terminal: what would move its cursor, end the line or is no UTF-8 is escaped as in JSON. Quotes stay.
std::string one_line(std::string_view text);

// As a shell takes it for one word.
std::string shell_word(const std::string& text);

}  // namespace berth::app

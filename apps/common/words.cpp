#include "common/words.h"

#include "base/log.h"

#include <algorithm>
#include <numeric>

namespace berth::app {

namespace {

// Letters put in, left out, mistaken, or swapped with their neighbour (Damerau-Levenshtein, restricted).
size_t slips(std::string_view a, std::string_view b) {
    std::vector<size_t> before(b.size() + 1);
    std::vector<size_t> above(b.size() + 1);
    std::iota(above.begin(), above.end(), size_t{0});
    for (size_t i = 1; i <= a.size(); ++i) {
        std::vector<size_t> row(b.size() + 1, i);
        for (size_t j = 1; j <= b.size(); ++j) {
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = std::min(row[j], before[j - 2] + 1);
            }
        }
        before = std::exchange(above, std::move(row));
    }
    return above.back();
}

}  // namespace

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known) {
    constexpr size_t longest = 64;  // nobody means a word with that
    std::optional<std::string> out;
    size_t least = std::min<size_t>(2, word.size() / 3) + 1;
    for (const auto& candidate : known) {
        if (word.size() > longest) {
            break;
        }
        if (const size_t n = slips(word, candidate); n < least) {
            least = n;
            out = candidate;
        }
    }
    return out;
}

std::string one_line(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const size_t end = std::min(text.find_first_of("\"\\\xc2"), text.size());
        out += log::escape(text.substr(0, end));
        text.remove_prefix(end);
        if (text.empty()) {
            break;
        }
        // U+0080 to U+009F are control characters, too.
        const auto next = static_cast<unsigned char>(text.size() > 1 ? text[1] : 0);
        if (text[0] != '\xc2') {
            out += text[0];
            text.remove_prefix(1);
        } else if (next >= 0x80 && next < 0xa0) {
            out += fmt::format("\\u00{:02x}", next);
            text.remove_prefix(2);
        } else {
            out += log::escape(text.substr(0, 2));
            text.remove_prefix(std::min<size_t>(2, text.size()));
        }
    }
    return out;
}

std::string shell_word(const std::string& text) {
    static constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./:=,+@%";
    if (!text.empty() && text.find_first_not_of(plain) == std::string::npos) {
        return text;
    }
    std::string out = "'";
    for (const char c : text) {
        out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    }
    return out + "'";
}

}  // namespace berth::app

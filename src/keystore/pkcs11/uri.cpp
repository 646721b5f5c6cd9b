#include "keystore/pkcs11/uri.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace berth::keystore::pkcs11 {

namespace {

constexpr std::string_view pin_value = "pin-value";  // which no name may have, and no message repeats

// RFC 3986 2.1. Nothing: not percent-encoded as it should be.
std::optional<std::string> decoded(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        if (text.front() != '%') {
            out += text.front();
            text.remove_prefix(1);
            continue;
        }
        const auto octet = text.size() < 3 ? result<bytes>(bytes{}) : from_hex(text.substr(1, 2));
        if (!octet || octet->size() != 1) {
            return std::nullopt;
        }
        out += static_cast<char>(octet->front());
        text.remove_prefix(3);
    }
    return out;
}

// What stands between separators, one after another.
class pieces {
public:
    pieces(std::string_view text, char separator) : left_(text), separator_(separator), more_(!text.empty()) {}
    std::optional<std::string_view> next() {
        if (!more_) {
            return std::nullopt;
        }
        const size_t end = left_.find(separator_);
        const std::string_view piece = left_.substr(0, end);
        more_ = end != std::string_view::npos;
        left_.remove_prefix(more_ ? end + 1 : left_.size());
        return piece;
    }

private:
    std::string_view left_;
    char separator_;
    bool more_;
};

class name_reader {
public:
    // What is wrong; empty: nothing.
    std::string path_attribute(std::string_view key, const std::string& value) {
        const std::array texts{
            std::pair(std::string_view("token"), &name.token), std::pair(std::string_view("manufacturer"), &name.manufacturer),
            std::pair(std::string_view("model"), &name.model), std::pair(std::string_view("serial"), &name.serial),
            std::pair(std::string_view("object"), &name.object)};
        for (const auto& [known, into] : texts) {
            if (key == known) {
                return once(*into, value, key);
            }
        }
        if (key == "id") {
            return once(name.id, to_bytes(as_bytes(value)), key);
        }
        if (key == "slot-id") {
            uint64_t number = 0;
            const char* const end = value.data() + value.size();
            const auto [at, wrong] = std::from_chars(value.data(), end, number);
            return value.empty() || wrong != std::errc() || at != end ? "slot-id is a number" : once(name.slot, number, key);
        }
        if (key == "type") {
            return value == "private" ? "" : "it names a private key, and type says otherwise";
        }
        return "it knows token, manufacturer, model, serial, slot-id, object, id and type, not " + std::string(key);
    }

    std::string query_attribute(std::string_view key, const std::string& value) {
        if (key == "module-path") {
            return path(name.module_path, value, key);
        }
        if (key != "pin-source") {
            return "after the question mark it knows module-path and pin-source, not " + std::string(key);
        }
        if (value.starts_with('|')) {
            return "pin-source is a file, and never a command";
        }
        constexpr std::string_view scheme = "file:";
        std::string file = value.starts_with(scheme) ? value.substr(scheme.size()) : value;
        if (file.starts_with("///")) {
            file.erase(0, 2);
        }
        return path(name.pin_source, file, key);
    }

    key_name name;

private:
    template <class T, class V>
    static std::string once(std::optional<T>& into, V value, std::string_view key) {
        if (into) {
            return std::string(key) + " is said twice";
        }
        if constexpr (requires { value.empty(); }) {
            if (value.empty()) {
                return std::string(key) + " is empty";
            }
        }
        into = std::move(value);
        return {};
    }
    static std::string path(std::string& into, const std::string& value, std::string_view key) {
        const bool good = into.empty() && !value.empty() && value.find('\0') == std::string::npos;
        into = value;
        return good ? std::string() : std::string(key) + " is a path, once";
    }
};

template <class Take>
std::string each(std::string_view text, char separator, Take take) {
    pieces all(text, separator);
    while (const auto piece = all.next()) {
        const size_t equals = piece->find('=');
        const auto value = equals == std::string_view::npos ? std::nullopt : decoded(piece->substr(equals + 1));
        if (!value) {
            return "its parts are NAME=VALUE, with % and two hexadecimal digits for what is no letter";
        }
        if (piece->substr(0, equals) == pin_value) {
            return "a PIN in a name is read by everybody who reads the name; put it into a file (mode 0600) and say "
                   "pin-source=FILE";
        }
        if (std::string wrong = take(piece->substr(0, equals), *value); !wrong.empty()) {
            return wrong;
        }
    }
    return {};
}

}  // namespace

result<key_name> parse_name(std::string_view rest) {
    name_reader reader;
    const size_t question = rest.find('?');
    const std::string_view query = question == std::string_view::npos ? std::string_view() : rest.substr(question + 1);
    std::string wrong = each(rest.substr(0, question), ';', [&](auto k, auto& v) { return reader.path_attribute(k, v); });
    if (wrong.empty()) {
        wrong = each(query, '&', [&](auto k, auto& v) { return reader.query_attribute(k, v); });
    }
    if (wrong.empty() && !reader.name.object && !reader.name.id) {
        wrong = "neither object nor id says which key";
    }
    if (!wrong.empty()) {
        // Not the whole name: somebody may have put a PIN into it.
        const std::string shown = "pkcs11:" + std::string(rest.substr(0, std::min(question, rest.find(pin_value))));
        return fail(error{error_category::usage, "bad_key_uri", "\"" + shown + "\" does not name a key: " + wrong + "."}.with(
            "uri", shown));
    }
    return std::move(reader.name);
}

}  // namespace berth::keystore::pkcs11

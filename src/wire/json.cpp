#include "wire/json.h"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <cmath>
#include <set>

namespace berth::wire {

namespace {

// Sees every member name before a value tree is built, and stops at the first that its object already has.
class duplicate_finder {
public:
    static constexpr size_t max_object_size = size_t(-1);
    static constexpr size_t max_array_size = size_t(-1);
    static constexpr size_t max_key_size = size_t(-1);
    static constexpr size_t max_string_size = size_t(-1);

    using code = boost::system::error_code;
    using view = json::string_view;

    std::string duplicate;

    bool on_document_begin(code&) { return true; }
    bool on_document_end(code&) { return true; }
    bool on_object_begin(code&) {
        names_.emplace_back();
        return true;
    }
    bool on_object_end(size_t, code&) {
        names_.pop_back();
        return true;
    }
    bool on_array_begin(code&) { return true; }
    bool on_array_end(size_t, code&) { return true; }
    bool on_key_part(view part, size_t, code&) {
        partial_ += std::string_view(part.data(), part.size());
        return true;
    }
    bool on_key(view part, size_t, code& ec) {
        partial_ += std::string_view(part.data(), part.size());
        std::string name = std::exchange(partial_, {});
        if (!names_.back().insert(name).second) {
            duplicate = std::move(name);
            ec = json::error::syntax;
            return false;
        }
        return true;
    }
    bool on_string_part(view, size_t, code&) { return true; }
    bool on_string(view, size_t, code&) { return true; }
    bool on_number_part(view, code&) { return true; }
    bool on_int64(int64_t, view, code&) { return true; }
    bool on_uint64(uint64_t, view, code&) { return true; }
    // A number that no double holds is no number here: it would be printed as something that does not read back.
    bool on_double(double number, view, code& ec) {
        if (!std::isfinite(number)) {
            ec = json::error::exponent_overflow;
        }
        return !ec;
    }
    bool on_bool(bool, code&) { return true; }
    bool on_null(code&) { return true; }
    bool on_comment_part(view, code&) { return true; }
    bool on_comment(view, code&) { return true; }

private:
    std::vector<std::set<std::string>> names_;
    std::string partial_;
};

json::parse_options strict_options() {
    json::parse_options options;
    options.max_depth = json_most_depth;
    return options;
}

tl::unexpected<error> bad_member(std::string_view name, const char* kind) {
    return fail(error_category::usage, "bad_json", fmt::format("the member \"{}\" must be present and {}", name, kind));
}

}  // namespace

result<json::value> parse_json(std::string_view text, size_t most_octets) {
    if (text.size() > most_octets) {
        return fail(error_category::usage, "too_large",
                    fmt::format("the JSON text has {} octets; at most {} are accepted", text.size(), most_octets));
    }
    json::basic_parser<duplicate_finder> checker(strict_options());
    boost::system::error_code ec;
    const size_t used = checker.write_some(false, text.data(), text.size(), ec);
    if (!checker.handler().duplicate.empty()) {
        return fail(error{error_category::usage,
                          "duplicate_json_member",
                          "a JSON object names the same member twice",
                          {{"member", checker.handler().duplicate}}});
    }
    if (ec || used != text.size() || !checker.done()) {
        return fail(error{error_category::usage,
                          "bad_json",
                          fmt::format("the text is not one JSON value, line {}{}",
                                      1 + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(used), '\n'),
                                      ec ? ": " + ec.message() : std::string()),
                          {{"offset", std::to_string(used)}}});
    }
    json::value value = json::parse(json::string_view(text.data(), text.size()), ec, {}, strict_options());
    if (ec) {
        return fail(error_category::usage, "bad_json", "the text is not one JSON value: " + ec.message());
    }
    return value;
}

result<json::object> parse_json_object(std::string_view text, size_t most_octets) {
    BERTH_TRY(value, parse_json(text, most_octets));
    if (!value.is_object()) {
        return fail(error_category::usage, "bad_json", "the JSON value must be an object");
    }
    return std::move(value.get_object());
}

std::string to_text(const json::value& value) {
    return json::serialize(value);
}

result<std::string> text_member(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(json::string_view(name.data(), name.size()));
    if (!value || !value->is_string()) {
        return bad_member(name, "a string");
    }
    return std::string(value->get_string());
}

result<int64_t> integer_member(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(json::string_view(name.data(), name.size()));
    if (value && value->is_int64()) {
        return value->get_int64();
    }
    return bad_member(name, "an integer");
}

}  // namespace berth::wire

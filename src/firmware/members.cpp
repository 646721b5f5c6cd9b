#include "firmware/members.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::firmware {

error bad_document(std::string_view where, std::string_view why) {
    return {error_category::peer, "bad_document", fmt::format("The {} is not as it should be: {}.", where, why)};
}

bool is_word(std::string_view text) {
    const auto alphanumeric = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    return !text.empty() && text.size() <= most_word && alphanumeric(text.front()) &&
           std::ranges::all_of(text, [&](char c) { return alphanumeric(c) || c == '.' || c == '_' || c == '-' || c == '+'; });
}

bool is_digest(std::string_view text) {
    return text.size() == 64 &&
           std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

const json::value* reader::find(std::string_view name) {
    const auto* const found = from_.if_contains(name);
    if (found == nullptr) {
        wrong(name, "is missing");
    }
    read_.emplace(name);
    return found;
}

void reader::wrong(std::string_view name, std::string_view why) {
    if (!wrong_) {
        wrong_ = bad_document(where_, fmt::format("its member \"{}\" {}", name, why)).with("member", std::string(name));
    }
}

std::string reader::text(std::string_view name, size_t most) {
    const auto* const value = find(name);
    const auto* const found = value != nullptr ? value->if_string() : nullptr;
    const auto printable = [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; };
    if (found == nullptr || found->empty() || found->size() > most || !std::ranges::all_of(*found, printable)) {
        wrong(name, fmt::format("is not a text of 1 to {} characters", most));
        return {};
    }
    return {found->data(), found->size()};
}

std::string reader::word(std::string_view name) {
    auto out = text(name, most_word);
    if (!is_word(out)) {
        wrong(name, "may have letters, digits and . _ - + alone, and begins with a letter or digit");
    }
    return out;
}

std::string reader::digest(std::string_view name) {
    auto out = text(name, 64);
    if (!is_digest(out)) {
        wrong(name, "is not a SHA-256 in lower-case hexadecimal");
    }
    return out;
}

uint64_t reader::number(std::string_view name, uint64_t least, uint64_t most) {
    const auto* const value = find(name);
    // Text becomes int64 where it fits, and our own writers' numbers are uint64.
    const bool whole = value != nullptr && ((value->is_int64() && value->get_int64() >= 0) || value->is_uint64());
    const uint64_t found = !whole ? 0 : value->is_uint64() ? value->get_uint64() : static_cast<uint64_t>(value->get_int64());
    if (!whole || found < least || found > most) {
        wrong(name, fmt::format("is not a whole number from {} to {}", least, most));
        return least;
    }
    return found;
}

bool reader::flag(std::string_view name) {
    const auto* const value = find(name);
    const auto* const found = value != nullptr ? value->if_bool() : nullptr;
    if (found == nullptr) {
        wrong(name, "is not true or false");
    }
    return found != nullptr && *found;
}

const json::array& reader::list(std::string_view name, size_t least, size_t most) {
    static const json::array none;
    const auto* const value = find(name);
    const auto* const found = value != nullptr ? value->if_array() : nullptr;
    if (found == nullptr || found->size() < least || found->size() > most) {
        wrong(name, fmt::format("is not a list of {} to {}", least, most));
        return none;
    }
    return *found;
}

const json::object& reader::object(std::string_view name, size_t most) {
    static const json::object none;
    const auto* const value = find(name);
    const auto* const found = value != nullptr ? value->if_object() : nullptr;
    if (found == nullptr || found->empty() || found->size() > most) {
        wrong(name, fmt::format("is not an object of 1 to {} members", most));
        return none;
    }
    return *found;
}

void reader::exactly(std::string_view name, std::string_view value) {
    if (text(name) != value) {
        wrong(name, fmt::format("is not \"{}\"", value));
    }
}

void reader::schema() {
    if (number("schema", 1) > 1 && !wrong_) {
        wrong_ = error{error_category::incompatible, "unsupported_schema",
                       fmt::format("The {} is of a schema that this version does not know; it reads schema 1.", where_)};
    }
}

result<void> reader::done() const {
    if (wrong_) {
        return fail(*wrong_);
    }
    for (const auto& [name, value] : from_) {
        if (!read_.contains(std::string_view(name))) {
            return fail(error{error_category::incompatible,
                              "unknown_member",
                              fmt::format("The {} has a member \"{}\" that this version does not know, and it obeys no "
                                          "document by halves: use a newer one.",
                                          where_, std::string_view(name)),
                              {{"member", std::string(name)}}});
        }
    }
    return {};
}

}  // namespace berth::firmware

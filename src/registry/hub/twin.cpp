#include "registry/hub/twin.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::registry {

namespace {

namespace json = wire::json;

tl::unexpected<error> bad(const std::string& path, std::string_view why) {
    return fail(
        error{error_category::usage,
              "bad_twin",
              fmt::format("{} {}", path.empty() ? std::string("a section of a twin") : "\"" + path.substr(0, 200) + "\"", why),
              {{"path", path.substr(0, 200)}}});
}

bool is_good_name(std::string_view name) {
    return !name.empty() && std::ranges::none_of(name, [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '.' || c == ' ' || c == '$';
    });
}

result<void> check(const json::value& value, const std::string& path, size_t depth);

// A patch has nulls where it takes something out.
result<void> check(const json::object& object, const std::string& path, size_t depth, bool nulls) {
    if (depth > most_twin_depth) {
        return bad(path, fmt::format("has more than {} objects in one another", most_twin_depth));
    }
    for (const auto& member : object) {
        const std::string_view name = member.key();
        const std::string below = path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
        if (name.size() > most_twin_name || !is_good_name(name)) {
            return bad(below,
                       fmt::format("is no name of a property: up to {} octets, without control characters, dots, blanks and "
                                   "dollar signs",
                                   most_twin_name));
        }
        if (const auto* const inner = member.value().if_object()) {
            BERTH_CHECK(check(*inner, below, depth + 1, nulls));
        } else if (!(nulls && member.value().is_null())) {
            BERTH_CHECK(check(member.value(), below, depth + 1));
        }
    }
    return {};
}

result<void> check(const json::value& value, const std::string& path, size_t depth) {
    if (const auto* const text = value.if_string(); text != nullptr && text->size() > most_twin_text) {
        return bad(path, fmt::format("is a text of more than {} octets", most_twin_text));
    }
    if (value.is_null()) {
        return bad(path, "is null inside of an array, where it takes nothing out");
    }
    if (const auto* const array = value.if_array()) {
        if (depth > most_twin_depth) {
            return bad(path, fmt::format("is more than {} levels deep", most_twin_depth));
        }
        for (const auto& one : *array) {
            BERTH_CHECK(check(one, path, depth + 1));
        }
    }
    if (const auto* const object = value.if_object()) {
        return check(*object, path, depth, false);
    }
    return {};
}

void merge(json::object& into, const json::object& patch) {
    for (const auto& member : patch) {
        const auto* const inner = member.value().if_object();
        if (member.value().is_null()) {
            into.erase(member.key());
        } else if (inner == nullptr) {
            into[member.key()] = member.value();
        } else {
            auto& place = into[member.key()];
            if (!place.is_object()) {
                place = json::object();
            }
            merge(place.as_object(), *inner);
        }
    }
}

result<twin_section> after(const twin_section& before, const json::object& start, const json::object& patch, unix_seconds now) {
    BERTH_CHECK(check(patch, "", 1, true));
    twin_section out{start, before.version + 1, now};
    merge(out.properties, patch);
    const size_t octets = wire::to_text(out.properties).size();
    if (octets > most_twin_section) {
        return fail(error{
            error_category::usage,
            "twin_too_large",
            fmt::format("a section of a twin has at most {} octets of JSON; this one would have {}", most_twin_section, octets),
            {{"octets", std::to_string(octets)}}});
    }
    return out;
}

}  // namespace

json::object difference(const json::object& before, const json::object& after) {
    json::object out;
    for (const auto& member : before) {
        if (!after.contains(member.key())) {
            out[member.key()] = nullptr;
        }
    }
    for (const auto& member : after) {
        const auto* const was = before.if_contains(member.key());
        if (was != nullptr && *was == member.value()) {
            continue;
        }
        const bool both = was != nullptr && was->is_object() && member.value().is_object();
        out[member.key()] = both ? json::value(difference(was->as_object(), member.value().as_object())) : member.value();
    }
    return out;
}

std::string twin::etag(const identity& of) const {
    return fmt::format("{}.{}", of.etag(), desired.version);
}

result<twin_section> patched(const twin_section& before, const json::object& patch, unix_seconds now) {
    return after(before, before.properties, patch, now);
}

result<twin_section> replaced(const twin_section& before, const json::object& whole, unix_seconds now) {
    return after(before, {}, whole, now);
}

}  // namespace berth::registry

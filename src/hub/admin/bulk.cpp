// Many identities in one request: some made, changed or taken out, each for itself; or new ones, line by line.
#include "hub/admin/routes.h"
#include "registry/hub/import_entry.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace berth::hub {

using namespace registry;

namespace {

namespace json = wire::json;

constexpr size_t most_told = 1'000;  // lines of which it is told why they are refused

enum class import_mode : uint8_t { create, update, update_if_match, remove, remove_if_match };

std::optional<import_mode> mode_from(std::string_view text) {
    // SDKs write them with capitals here and there.
    constexpr std::array<std::string_view, 5> names{"create", "update", "updateifmatchetag", "delete", "deleteifmatchetag"};
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    const auto* const found = std::ranges::find(names, lower);
    return found != names.end() ? std::optional(static_cast<import_mode>(found - names.begin())) : std::nullopt;
}

tl::unexpected<error> bad_entry(std::string why) {
    return fail(error_category::usage, "bad_identity", std::move(why));
}

// One entry of the service's bulk interface, taken apart: what is not about the identity itself, and the rest.
struct bulk_entry {
    identity_name name;
    std::string mode_text;
    import_mode mode = import_mode::create;
    std::optional<std::string> etag;
    json::object settings;
};

std::string text_or_nothing(const json::object& from, const char* member) {
    const auto* const found = from.if_contains(member);
    return found && found->is_string() ? std::string(found->as_string()) : "";
}

result<bulk_entry> entry_of(json::object given) {
    bulk_entry out;
    out.mode_text = text_or_nothing(given, "importMode");
    const auto mode = mode_from(out.mode_text);
    if (!mode) {
        return bad_entry("importMode: is create, update, updateIfMatchETag, delete or deleteIfMatchETag");
    }
    out.mode = *mode;
    for (const char* const member : {"eTag", "etag"}) {
        if (const auto etag = text_or_nothing(given, member); !etag.empty()) {
            out.etag = etag;
        }
    }
    if ((*mode == import_mode::update_if_match || *mode == import_mode::remove_if_match) && !out.etag) {
        return bad_entry("eTag: is missing, and importMode says that it must match");
    }
    BERTH_TRY(device, wire::text_member(given, "id"));
    BERTH_CHECK(check_name_part("device", device));
    out.name.device = std::move(device);
    if (const auto* const module = given.if_contains("moduleId"); module && !module->is_null()) {
        BERTH_TRY(text, wire::text_member(given, "moduleId"));
        BERTH_CHECK(check_name_part("module", text));
        out.name.module = std::move(text);
    }
    for (const char* const twin : {"tags", "properties", "twinETag"}) {
        if (const auto* const there = given.if_contains(twin); there && !there->is_null()) {
            return fail(error_category::incompatible, "unsupported",
                        fmt::format("Twins come with the hub's behaviours: leave {} out.", twin));
        }
        given.erase(twin);
    }
    for (const char* const taken : {"id", "moduleId", "importMode", "eTag"}) {
        given.erase(taken);
    }
    out.settings = std::move(given);
    return out;
}

result<void> do_one(const api_context& c, const bulk_entry& entry) {
    if (entry.mode == import_mode::create) {
        BERTH_TRY(settings, settings_from_json(entry.settings, entry.name));
        return c.hub.add(make_identity(entry.name, std::move(settings), c.random, c.now));
    }
    BERTH_TRY(before, require_identity(c, entry.name));
    if (entry.mode == import_mode::update_if_match || entry.mode == import_mode::remove_if_match) {
        BERTH_CHECK(check_etag(before, *entry.etag));
    }
    if (entry.mode == import_mode::remove || entry.mode == import_mode::remove_if_match) {
        return c.hub.remove(before, c.now);
    }
    BERTH_TRY(settings, settings_from_json(entry.settings, entry.name, before.settings));
    BERTH_CHECK(c.hub.change(before, settings, c.now));
    return {};
}

json::object told(const json::object& given, const error& why) {
    json::object out{{"deviceId", text_or_nothing(given, "id")}};
    if (const auto module = text_or_nothing(given, "moduleId"); !module.empty()) {
        out["moduleId"] = module;
    }
    out["errorCode"] = error_code(why);
    out["errorStatus"] = why.message;
    out["operation"] = text_or_nothing(given, "importMode");
    out["name"] = why.name;
    return out;
}

bool is_ours(const error& e) {
    return e.category == error_category::environment || e.category == error_category::internal;
}

// The next line without its end.
std::string_view take_line(std::string_view& rest) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) {
        line.remove_suffix(1);
    }
    return line;
}

}  // namespace

result<api_result> change_many(const api_context& c) {
    BERTH_TRY(body, wire::parse_json(c.request.body, most_bulk_body));
    if (!body.is_array() || body.as_array().empty() || body.as_array().size() > most_bulk) {
        return bad_entry(fmt::format("the body is an array of 1 to {} identities", most_bulk));
    }
    json::array errors;
    std::set<identity_name> named;
    for (const auto& each : body.as_array()) {
        if (!each.is_object()) {
            return bad_entry("the body is an array of JSON objects");
        }
        const auto& given = each.as_object();
        const auto done = [&]() -> result<void> {
            BERTH_TRY(entry, entry_of(given));
            if (!named.insert(entry.name).second) {
                return fail(error_category::usage, "named_twice",
                            fmt::format("\"{}\" stands in the list twice: only the first time counts", entry.name.text()));
            }
            return do_one(c, entry);
        }();
        if (!done && is_ours(done.error())) {
            return fail(done.error());
        }
        if (!done) {
            errors.push_back(told(given, done.error()));
        }
    }
    // 200 also where entries were refused: at a 400 SDKs throw, and what became of each entry is lost to who asked.
    const bool good = errors.empty();
    return api_result{
        api_answer::json(200, json::object{{"isSuccessful", good}, {"errors", std::move(errors)}, {"warnings", json::array()}}),
        true, !good};
}

result<api_result> import_lines(const api_context& c) {
    BERTH_TRY(skip, flag_parameter(c.request, "skipBadLines"));
    uint64_t added = 0, already = 0, refused = 0;
    json::array why;
    std::string_view rest = c.request.body;
    for (size_t number = 1; !rest.empty(); ++number) {
        const std::string_view line = take_line(rest);
        if (line.empty()) {
            continue;
        }
        const auto fate = [&]() -> result<import_fate> {
            BERTH_TRY(entry, import_entry_from_json(line, most_small_body));
            return import_one(c.hub, entry, c.random, c.now);
        }();
        if (fate) {
            ++(*fate == import_fate::added ? added : already);
            continue;
        }
        if (is_ours(fate.error())) {
            return fail(fate.error());
        }
        ++refused;
        if (why.size() < most_told) {
            why.push_back(json::object{{"line", number}, {"name", fate.error().name}, {"message", fate.error().message}});
        }
    }
    const bool nothing = refused > 0 && !skip;
    json::object report{{"added", nothing ? 0 : added}, {"already", already}, {"refused", refused}, {"why", std::move(why)}};
    return api_result{api_answer::json(nothing ? 400 : 200, report), !nothing, refused > 0};
}

}  // namespace berth::hub

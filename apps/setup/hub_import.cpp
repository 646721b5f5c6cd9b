#include "setup/hub_import.h"

#include "ca/names.h"
#include "registry/hub/identity_json.h"

#include <array>
#include <istream>
#include <unordered_set>

namespace berth::app {

using namespace registry;

namespace {

constexpr std::array<std::string_view, 7> known_columns{
    "deviceId", "moduleId", "status", "statusReason", "group", "primaryThumbprint", "secondaryThumbprint"};

tl::unexpected<error> bad_import(std::string why) {
    return fail(error_category::usage, "bad_import", std::move(why));
}

// The next line without its end; nothing: the end. One that is too long is cut there, which no reader takes for good.
std::optional<std::string> next_line(std::istream& in) {
    std::string out;
    bool any = false;
    for (int c = in.get(); c != std::istream::traits_type::eof(); c = in.get()) {
        any = true;
        if (c == '\n') {
            return out;
        }
        if (out.size() <= most_import_line) {
            out += static_cast<char>(c);
        }
    }
    return any ? std::optional(std::move(out)) : std::nullopt;
}

// Goes through all lines; `take` gives what became of one: added, already there, or why not.
using fate = import_fate;

template <class Take, class Between>
result<import_report> each_line(std::istream& in, const std::string& file, const Take& take, const Between& between) {
    identity_lines reader;
    import_report out;
    size_t number = 0;
    uint64_t handled = 0;
    while (auto text = next_line(in)) {
        ++number;
        std::string_view line = *text;
        if (number == 1 && line.starts_with("\xef\xbb\xbf")) {
            line.remove_prefix(3);  // the byte order mark of UTF-8
        }
        auto entry =
            line.size() > most_import_line
                ? std::optional<result<import_entry>>(bad_import(fmt::format("is longer than {} octets", most_import_line)))
                : reader.read(line);
        if (!entry) {
            continue;
        }
        if (!*entry && reader.lacks_columns()) {
            return fail(std::move(out.why.front().why));
        }
        auto done = *entry ? take(std::move(**entry)) : result<fate>(fail(std::move(*entry).error()));
        if (done) {
            ++(*done == fate::added ? out.added : out.already);
        } else if (done.error().category == error_category::environment || done.error().category == error_category::internal) {
            return fail(std::move(done).error());
        } else {
            ++out.refused;
            if (out.why.size() < most_told_lines) {
                out.why.push_back({number, std::move(done).error().during(fmt::format("{}, line {}", file, number))});
            }
        }
        BERTH_CHECK(between(++handled));
    }
    return out;
}

}  // namespace

result<void> identity_lines::take_header(const csv_record& r) {
    for (const auto& field : r.fields) {
        const auto* const known = std::ranges::find_if(
            known_columns, [&](std::string_view one) { return ca::lower_case(one) == ca::lower_case(field); });
        if (known == known_columns.end()) {
            return bad_import(fmt::format("the first line names the columns, and \"{}\" is none of {}", field.substr(0, 64),
                                          fmt::join(known_columns, ", ")));
        }
        if (std::ranges::find(columns_, *known) != columns_.end()) {
            return bad_import(fmt::format("the column {} is there twice", *known));
        }
        columns_.emplace_back(*known);
    }
    if (std::ranges::find(columns_, "deviceId") == columns_.end()) {
        return bad_import("the first line names the columns, and none of them is deviceId");
    }
    return {};
}

result<import_entry> identity_lines::entry_of(const csv_record& r) const {
    import_entry out;
    for (size_t i = 0; i < r.fields.size(); ++i) {
        const std::string& value = r.fields[i];
        if (value.empty()) {
            continue;
        }
        if (i >= columns_.size()) {
            return bad_import(fmt::format("the line has {} fields, and there are {} columns", r.fields.size(), columns_.size()));
        }
        const std::string& column = columns_[i];
        if (column == "deviceId") {
            out.name.device = value;
        } else if (column == "moduleId") {
            out.name.module = value;
        } else if (column == "status") {
            if (value != "enabled" && value != "disabled") {
                return bad_import(fmt::format("the status \"{}\" is neither enabled nor disabled", value.substr(0, 64)));
            }
            out.settings.enabled = value == "enabled";
        } else if (column == "statusReason") {
            out.settings.status_reason = value;
        } else if (column == "group") {
            out.settings.group = value;
        } else {
            BERTH_TRY(print, thumbprint_from_text(value));
            out.settings.login.way = login_way::thumbprint;
            (column == "primaryThumbprint" ? out.settings.login.primary : out.settings.login.secondary) = print;
        }
    }
    BERTH_CHECK(check_name_part("device", out.name.device));
    if (out.name.is_module()) {
        BERTH_CHECK(check_name_part("module", out.name.module));
    }
    BERTH_CHECK(check_settings(out.settings));
    return out;
}

std::optional<result<import_entry>> identity_lines::read(std::string_view line) {
    const std::string_view text = trimmed(line);
    if (text.empty() || text.front() == '#') {
        return std::nullopt;
    }
    if (text.front() == '{' && columns_.empty()) {
        bad_headers_ = 0;
        return import_entry_from_json(text, most_import_line);
    }
    std::string_view rest = text;
    const bool is_header = columns_.empty();
    if (is_header) {
        separator_ = separator_of(rest);
    }
    const csv_record r = take_record(rest, separator_.value_or(','));
    if (r.mistake) {
        return bad_import(r.mistake);
    }
    if (!rest.empty()) {
        return bad_import("the line does not end where its last field does");
    }
    if (is_blank(r)) {
        return std::nullopt;
    }
    if (!is_header) {
        return entry_of(r);
    }
    if (auto taken = take_header(r); !taken) {
        columns_.clear();
        ++bad_headers_;
        return fail(std::move(taken).error());
    }
    return std::nullopt;
}

error import_report::mistakes(const std::string& file) const {
    if (why.size() == 1 && refused == 1) {
        return why.front().why;
    }
    std::string all, lines;
    for (const auto& one : why) {
        all += "\n  " + one.why.message;
        lines += (lines.empty() ? "" : ",") + std::to_string(one.line);
    }
    const std::string more = refused > why.size() ? fmt::format("\n  and {} more", refused - why.size()) : "";
    return error{error_category::usage, "bad_import", fmt::format("{}: {} lines are refused:{}{}", file, refused, all, more)}
        .with("lines", lines);
}

result<import_report> judge_import(store::sqlite_hub_store& hub, std::istream& lines, const std::string& file) {
    // Devices of earlier lines, by which a module's device is known; a hash each, of a million lines.
    std::unordered_set<size_t> devices;
    const auto take = [&](import_entry entry) -> result<fate> {
        BERTH_TRY(there, hub.find(entry.name));
        if (!entry.name.is_module()) {
            devices.insert(std::hash<std::string>()(entry.name.device));
        }
        if (there) {
            return judge_import_of(*there, entry);
        }
        if (entry.name.is_module() && !devices.contains(std::hash<std::string>()(entry.name.device))) {
            BERTH_TRY(device, hub.find({entry.name.device, ""}));
            if (!device) {
                return fail(
                    error{error_category::usage,
                          "unknown_identity",
                          fmt::format("there is no device \"{}\" for the module, and none in the lines above", entry.name.device),
                          {{"name", entry.name.device}}});
            }
        }
        return fate::added;
    };
    return each_line(lines, file, take, [](uint64_t) { return result<void>(); });
}

result<import_report> import_identities(store::sqlite_hub_store& hub, std::istream& lines, const std::string& file, size_t batch,
                                        random_source& random, const clock& time, const std::function<void(uint64_t)>& progress) {
    BERTH_CHECK(hub.begin_batch());
    const auto take = [&](const import_entry& entry) { return import_one(hub, entry, random, time.now()); };
    const auto between = [&](uint64_t done) -> result<void> {
        if (done % batch == 0) {
            BERTH_CHECK(hub.end_batch());
            progress(done);
            BERTH_CHECK(hub.begin_batch());
        }
        return {};
    };
    auto out = each_line(lines, file, take, between);
    BERTH_CHECK(hub.end_batch());
    return out;
}

}  // namespace berth::app

#include "setup/assignments.h"

#include "wire/json.h"

#include <map>
#include <set>

namespace berth::app {

namespace {

struct named_pair {
    std::string serial;
    std::string customer;
};

constexpr std::string_view blanks = " \t\r";

std::string_view trimmed(std::string_view text) {
    const size_t first = text.find_first_not_of(blanks);
    return first == std::string_view::npos ? std::string_view() : text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// The first of the usual three that stands outside quotes; a comma when there is none.
char separator_of(std::string_view line) {
    bool quoted = false;
    for (const char c : line) {
        quoted = quoted != (c == '"');
        if (!quoted && (c == ',' || c == ';' || c == '\t')) {
            return c;
        }
    }
    return ',';
}

// RFC 4180, one line of it; blanks around a field are none of it, unless they are quoted.
result<std::vector<std::string>> fields_of(std::string_view line) {
    const char separator = separator_of(line);
    std::vector<std::string> out;
    for (bool more = true; more;) {
        line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
        std::string field;
        if (line.starts_with('"')) {
            for (line.remove_prefix(1);;) {
                const size_t quote = line.find('"');
                if (quote == std::string_view::npos) {
                    return fail(error_category::usage, "bad_import", "a quote is not closed");
                }
                field += line.substr(0, quote);
                line.remove_prefix(quote + 1);
                if (!line.starts_with('"')) {
                    break;
                }
                field += '"';  // it was doubled
                line.remove_prefix(1);
            }
        }
        const size_t end = std::min(line.find(separator), line.size());
        const std::string_view plain = trimmed(line.substr(0, end));
        if (!plain.empty() && !field.empty()) {
            return fail(error_category::usage, "bad_import", "there is text behind a closing quote");
        }
        out.push_back(field.empty() ? std::string(plain) : field);
        more = end < line.size();
        line.remove_prefix(std::min(end + 1, line.size()));
    }
    return out;
}

// Where the two stand: found out from the first line, if that names the columns.
struct columns {
    size_t serial = 0;
    size_t customer = 1;
    bool named = false;
};

std::optional<columns> header_of(const std::vector<std::string>& fields) {
    const auto find = [&](std::initializer_list<std::string_view> names) -> std::optional<size_t> {
        for (size_t i = 0; i < fields.size(); ++i) {
            std::string plain = fields[i];
            std::ranges::transform(plain, plain.begin(), [](char c) {
                return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c == '_' ? ' ' : c;
            });
            if (std::ranges::find(names, plain) != names.end()) {
                return i;
            }
        }
        return std::nullopt;
    };
    const auto serial = find({"serial", "serial number", "serial no", "serial no."});
    const auto customer = find({"customer", "customer name", "owner"});
    return serial && customer ? std::optional(columns{*serial, *customer, true}) : std::nullopt;
}

result<named_pair> parse_line(const std::string& line, const columns& where) {
    if (line[0] == '{') {
        BERTH_TRY(object, wire::parse_json_object(line));
        BERTH_TRY(serial, wire::text_member(object, "serial"));
        BERTH_TRY(customer, wire::text_member(object, "customer"));
        return named_pair{serial, customer};
    }
    BERTH_TRY(fields, fields_of(line));
    while (fields.size() > 2 && fields.back().empty()) {
        fields.pop_back();
    }
    if (fields.size() > 2 && !where.named) {
        return fail(
            error_category::usage, "bad_import",
            fmt::format("a line is SERIAL,CUSTOMER, and this one has {} fields: put what has a comma into quotes, or name "
                        "the columns in a first line",
                        fields.size()));
    }
    if (fields.size() <= std::max(where.serial, where.customer)) {
        return fail(error_category::usage, "bad_import", "a line is SERIAL,CUSTOMER or a JSON object");
    }
    return named_pair{fields[where.serial], fields[where.customer]};
}

// The next line of `rest`, without what ends it.
std::string take_line(std::string_view& rest) {
    const size_t end = rest.find('\n');
    const std::string line(trimmed(rest.substr(0, end)));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return line;
}

}  // namespace

result<registry::ownership> find_one_device(registry::masa_registry& records, const std::string& serial,
                                            const std::string& maker) {
    BERTH_TRY(found, records.find_serial(serial));
    std::erase_if(found, [&](const auto& d) { return !maker.empty() && !to_hex(d.device.device_root_spki).starts_with(maker); });
    if (found.empty()) {
        return fail(error{error_category::usage,
                          "unknown_device",
                          fmt::format("no device with serial \"{}\" is in the records", serial),
                          {{"serial", serial}}});
    }
    if (found.size() > 1) {
        return fail(error{error_category::usage,
                          "ambiguous_serial",
                          fmt::format("{} makers use serial \"{}\"; add --maker with the first digits of the root's hash",
                                      found.size(), serial),
                          {{"serial", serial}}});
    }
    return found.front();
}

error import_plan::mistakes(const std::string& file) const {
    std::string numbers;
    std::string texts;
    for (const auto& r : refused) {
        numbers += (numbers.empty() ? "" : " ") + std::to_string(r.line);
        texts += fmt::format("\n  {} [{}]", r.why.message, r.why.name);
    }
    if (refused.size() == 1) {
        return error(refused.front().why).with("lines", numbers);
    }
    return {error_category::usage,
            "bad_import",
            fmt::format("{} lines of {} cannot be imported, and none was (--skip-bad-lines imports the others):{}",
                        refused.size(), file, texts),
            {{"lines", numbers}}};
}

result<import_plan> read_assignments(registry::masa_registry& records, const std::string& text, const std::string& file,
                                     const std::string& maker, unix_seconds now) {
    BERTH_TRY(customers, records.customers());
    std::set<std::string> known;
    for (const auto& c : customers) {
        known.insert(c.name);
    }
    import_plan out;
    std::map<onboarding::device_identity, registry::ownership> after;  // as the lines before leave them
    columns where;
    bool first = true;
    std::string_view rest = text;
    rest.remove_prefix(rest.starts_with("\xef\xbb\xbf") ? 3 : 0);  // the byte order mark of UTF-8
    for (size_t line_number = 1; !rest.empty(); ++line_number) {
        const std::string line = take_line(rest);
        if (line.find_first_not_of(",;\t\" ") == std::string::npos || line[0] == '#') {
            continue;
        }
        if (std::exchange(first, false)) {
            const auto fields = fields_of(line);
            if (const auto named = fields ? header_of(*fields) : std::nullopt) {
                where = *named;
                continue;
            }
        }
        const auto judged = [&]() -> result<void> {
            BERTH_TRY(names, parse_line(line, where));
            BERTH_TRY(record, find_one_device(records, names.serial, maker));
            if (!known.contains(names.customer)) {
                return fail(error{
                    error_category::usage,
                    "unknown_customer",
                    fmt::format("no customer \"{}\" is registered; register it first (berth customer register)", names.customer),
                    {{"customer", names.customer}}});
            }
            const auto at = after.try_emplace(record.device, record.at(now)).first;
            BERTH_TRY(next, registry::assign(at->second, names.customer, now));
            if (next == at->second) {
                ++out.already;
                return {};
            }
            at->second = std::move(next);
            out.assign.push_back({line_number, record.device, names.customer});
            return {};
        }();
        if (!judged && judged.error().category == error_category::environment) {
            return fail(judged.error());  // the store's trouble, and no line's
        }
        if (!judged) {
            out.refused.push_back({line_number, error(judged.error())
                                                    .during(fmt::format("{}:{}", file, line_number))
                                                    .with("line", std::to_string(line_number))});
        }
    }
    return out;
}

result<void> assign_in_batches(store::sqlite_masa_store& store, const std::vector<assignment>& all, size_t batch,
                               const clock& time, const std::function<void(milliseconds)>& between) {
    for (size_t at = 0; at < all.size(); at += batch) {
        const milliseconds began = time.steady();
        BERTH_CHECK(store.begin_batch());
        const size_t end = std::min(all.size(), at + batch);
        for (size_t i = at; i < end; ++i) {
            if (const auto done = store.assign(all[i].device, all[i].customer, time.now()); !done) {
                BERTH_CHECK(store.end_batch());
                return fail(error(done.error()).with("line", std::to_string(all[i].line)));
            }
        }
        BERTH_CHECK(store.end_batch());
        if (end < all.size()) {
            between(time.steady() - began);
        }
    }
    return {};
}

}  // namespace berth::app

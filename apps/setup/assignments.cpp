#include "setup/assignments.h"

#include "common/csv.h"
#include "common/words.h"
#include "wire/json.h"

#include <map>
#include <set>

namespace berth::app {

namespace {

struct named_pair {
    std::string serial;
    std::string customer;
};

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

result<named_pair> pair_of(csv_record r, const columns& where) {
    if (r.mistake) {
        return fail(error_category::usage, "bad_import", r.mistake);
    }
    auto& fields = r.fields;
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

result<named_pair> pair_of_json(const std::string& line) {
    BERTH_TRY(object, wire::parse_json_object(line));
    BERTH_TRY(serial, wire::text_member(object, "serial"));
    BERTH_TRY(customer, wire::text_member(object, "customer"));
    return named_pair{serial, customer};
}

// The next line of `rest`, without what ends it and blanks around it.
std::string take_line(std::string_view& rest) {
    const size_t end = rest.find('\n');
    const std::string line(trimmed(rest.substr(0, end)));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return line;
}

// Goes through a file's records. What separates fields is found out once, from the first that has one: text in a later one's
// field cannot change which column is which.
class import_reader {
public:
    explicit import_reader(std::string_view text) : rest_(text) {
        rest_.remove_prefix(rest_.starts_with("\xef\xbb\xbf") ? 3 : 0);  // the byte order mark of UTF-8
    }
    // Nothing: the end. What says nothing is passed over: remarks, empty records, the names of the columns.
    std::optional<result<named_pair>> next() {
        while (!rest_.empty()) {
            line_ = next_line_;
            const size_t begin = rest_.find_first_not_of(' ');
            const char kind = begin == std::string_view::npos ? ' ' : rest_[begin];
            if (kind == '{' && !where_.named) {  // else it is a cell's
                ++next_line_;
                return pair_of_json(take_line(rest_));
            }
            const auto separator = separator_ ? separator_ : separator_of(rest_);
            csv_record r = take_record(rest_, separator.value_or(','));
            next_line_ += r.lines;
            // A remark has one line; a row whose first cell begins like one may have quoted ends of lines.
            // Where the columns are named, one that fills several is a row.
            if (is_blank(r) || (kind == '#' && r.lines == 1 && !(where_.named && r.fields.size() > 1))) {
                continue;
            }
            separator_ = separator;
            if (std::exchange(first_, false)) {
                if (const auto named = r.mistake ? std::nullopt : header_of(r.fields)) {
                    where_ = *named;
                    continue;
                }
            }
            return pair_of(std::move(r), where_);
        }
        return std::nullopt;
    }
    // Where the last one began.
    [[nodiscard]] size_t line() const { return line_; }

private:
    std::string_view rest_;
    size_t line_ = 0;
    size_t next_line_ = 1;
    bool first_ = true;
    std::optional<char> separator_;
    columns where_;
};

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
    if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
        return fail(error_category::usage, "bad_import",
                    file + " is UTF-16 text, as spreadsheets call \"Unicode text\": save it as CSV in UTF-8");
    }
    BERTH_TRY(customers, records.customers());
    std::set<std::string> known;
    for (const auto& c : customers) {
        known.insert(c.name);
    }
    import_plan out;
    std::map<onboarding::device_identity, registry::ownership> after;  // as the lines before leave them
    import_reader reader(text);
    while (auto next_pair = reader.next()) {
        const size_t line_number = reader.line();
        const auto judged = [&]() -> result<void> {
            BERTH_TRY(names, std::move(*next_pair));
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
            error why =
                error(judged.error()).during(fmt::format("{}:{}", file, line_number)).with("line", std::to_string(line_number));
            why.message = one_line(why.message);  // serial and customer are the file's
            out.refused.push_back({line_number, std::move(why)});
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

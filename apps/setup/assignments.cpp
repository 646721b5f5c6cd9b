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

result<named_pair> parse_line(const std::string& line) {
    if (line[0] == '{') {
        BERTH_TRY(object, wire::parse_json_object(line));
        BERTH_TRY(serial, wire::text_member(object, "serial"));
        BERTH_TRY(customer, wire::text_member(object, "customer"));
        return named_pair{serial, customer};
    }
    const size_t comma = line.find(',');
    if (comma == std::string::npos) {
        return fail(error_category::usage, "bad_import", "a line is SERIAL,CUSTOMER or a JSON object");
    }
    return named_pair{line.substr(0, comma), line.substr(comma + 1)};
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

result<std::vector<assignment>> read_assignments(registry::masa_registry& records, const std::string& text,
                                                 const std::string& file, const std::string& maker, unix_seconds now) {
    BERTH_TRY(customers, records.customers());
    std::set<std::string> known;
    for (const auto& c : customers) {
        known.insert(c.name);
    }
    std::vector<assignment> out;
    std::map<onboarding::device_identity, registry::ownership> after;  // as the lines before leave them
    size_t line_number = 0;
    std::string_view rest = text;
    while (!rest.empty()) {
        ++line_number;
        const size_t end = rest.find('\n');
        const std::string line(rest.substr(0, end));
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        if (line.empty() || line[0] == '#') {
            continue;
        }
        const auto judged = [&]() -> result<void> {
            BERTH_TRY(names, parse_line(line));
            BERTH_TRY(record, find_one_device(records, names.serial, maker));
            if (!known.contains(names.customer)) {
                return fail(error{
                    error_category::usage,
                    "unknown_customer",
                    fmt::format("no customer \"{}\" is registered; register it first (berth customer register)", names.customer),
                    {{"customer", names.customer}}});
            }
            const auto at = after.try_emplace(record.device, record).first;
            BERTH_TRY(next, registry::assign(at->second, names.customer, now));
            at->second = std::move(next);
            out.push_back({line_number, record.device, names.customer});
            return {};
        }();
        if (!judged) {
            return fail(
                error(judged.error()).during(fmt::format("{}:{}", file, line_number)).with("line", std::to_string(line_number)));
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

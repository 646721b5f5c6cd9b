#include "hub/carrier/report.h"

#include "wire/json.h"

#include <algorithm>

namespace berth::hub {

namespace {

namespace json = wire::json;

constexpr size_t run_size = 32;
constexpr uint64_t most_count = uint64_t{1} << 48U;

void put(json::object& into, std::string_view name, uint64_t count) {
    if (count != 0) {
        into.emplace(name, count);
    }
}

json::object counts(const refusal_counts& of) {
    json::object out;
    for (size_t i = 0; i < of.size(); ++i) {
        put(out, to_string(static_cast<login_refusal>(i)), of[i]);
    }
    return out;
}

result<uint64_t> count_of(const json::value& value, std::string_view name) {
    const bool whole = value.is_int64() && value.get_int64() >= 0;
    if (!whole || static_cast<uint64_t>(value.get_int64()) > most_count) {
        return fail(error_category::peer, "bad_json", fmt::format("\"{}\" is no count", name));
    }
    return static_cast<uint64_t>(value.get_int64());
}

// Each member's name and count; one that is not there counts nothing.
template <class F>
result<void> each_count(const json::object& object, std::string_view name, const F& take) {
    const auto* const found = object.if_contains(name);
    if (found == nullptr) {
        return {};
    }
    if (!found->is_object()) {
        return fail(error_category::peer, "bad_json", fmt::format("\"{}\" is no object", name));
    }
    for (const auto& [of, value] : found->get_object()) {
        BERTH_TRY(count, count_of(value, of));
        take(std::string_view(of), count);
    }
    return {};
}

auto into(refusal_counts& out) {
    return [&out](std::string_view name, uint64_t count) {
        if (const auto reason = login_refusal_from(name)) {
            out[static_cast<size_t>(*reason)] = count;
        }
    };
}

}  // namespace

bool broker_report::counts_anything() const {
    const auto any = [](const refusal_counts& of) { return std::ranges::any_of(of, [](uint64_t n) { return n != 0; }); };
    return by_certificate != 0 || by_key != 0 || any(refused) || any(cut);
}

std::string to_text(const broker_report& report) {
    json::object logins;
    put(logins, "certificate", report.by_certificate);
    put(logins, "key", report.by_key);
    return wire::to_text(json::object{{"broker", report.provisioning ? "provisioning" : "hub"},
                                      {"run", report.run},
                                      {"sessions", report.sessions},
                                      {"logins", std::move(logins)},
                                      {"refusals", counts(report.refused)},
                                      {"cuts", counts(report.cut)}});
}

result<broker_report> read_broker_report(std::string_view text) {
    BERTH_TRY(object, wire::parse_json_object(text, most_report));
    broker_report out;
    BERTH_TRY(broker, wire::text_member(object, "broker"));
    if (broker != "hub" && broker != "provisioning") {
        return fail(error_category::peer, "bad_json", "\"broker\" is neither hub nor provisioning");
    }
    out.provisioning = broker == "provisioning";
    BERTH_TRY(run, wire::text_member(object, "run"));
    if (run.size() != run_size || run.find_first_not_of("0123456789abcdef") != run.npos) {
        return fail(error_category::peer, "bad_json", fmt::format("\"run\" is not of {} hexadecimal digits", run_size));
    }
    out.run = std::move(run);
    const auto* const sessions = object.if_contains("sessions");
    BERTH_TRY(there, count_of(sessions != nullptr ? *sessions : json::value(), "sessions"));
    out.sessions = there;
    BERTH_CHECK(each_count(object, "logins", [&out](std::string_view by, uint64_t count) {
        if (by == "certificate" || by == "key") {
            (by == "key" ? out.by_key : out.by_certificate) = count;
        }
    }));
    BERTH_CHECK(each_count(object, "refusals", into(out.refused)));
    BERTH_CHECK(each_count(object, "cuts", into(out.cut)));
    return out;
}

}  // namespace berth::hub

#include "provisioning/service_api.h"

#include "provisioning/enrolment_json.h"
#include "provisioning/parts.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::provisioning {

namespace {

namespace json = wire::json;
using namespace registry;

constexpr size_t most_page = 1'000;
constexpr size_t most_body = 256 * 1024;

// "/enrollments/ID", taken apart.
struct address {
    enum class thing : uint8_t { enrolment, registration } what = thing::enrolment;
    enrolment_kind kind = enrolment_kind::individual;
    std::string id;      // empty: of all of them
    bool query = false;  // ".../query"
};

std::optional<address> parse_address(std::string_view path) {
    if (path.empty() || path.front() != '/' || path.size() > 1'024) {
        return std::nullopt;
    }
    const auto parts = split(path.substr(1), '/');
    if (parts.size() < 2 || parts.size() > 3) {
        return std::nullopt;
    }
    address out;
    if (parts[0] == "enrollmentGroups") {
        out.kind = enrolment_kind::group;
    } else if (parts[0] == "registrations") {
        out.what = address::thing::registration;
    } else if (parts[0] != "enrollments") {
        return std::nullopt;
    }
    const bool of_registrations = out.what == address::thing::registration;
    if (parts.size() == 3) {
        out.query = parts[2] == "query";
        if (!out.query || !of_registrations) {
            return std::nullopt;
        }
    } else if (parts[1] == "query" && !of_registrations) {
        out.query = true;
        return out;
    }
    auto id = percent_decoded(parts[1]);
    if (!id || id->empty()) {
        return std::nullopt;
    }
    out.id = std::move(*id);
    return out;
}

error_code code_of(const error& e) {
    constexpr std::array<std::pair<std::string_view, error_code>, 6> known{{
        {"unknown_enrolment", error_code::no_enrolment},
        {"enrolment_exists", error_code::exists},
        {"ca_enrolled", error_code::exists},
        {"etag_mismatch", error_code::etag_mismatch},
        {"unsupported", error_code::not_supported},
        {"shared_keys_refused", error_code::not_supported},
    }};
    for (const auto& [name, code] : known) {
        if (e.is(name)) {
            return code;
        }
    }
    return e.category == error_category::environment || e.category == error_category::internal ? error_code::internal
                                                                                               : error_code::bad_request;
}

class desk {
public:
    desk(const api_request& r, hub_registry& h, provisioning_registry& p, random_source& random, unix_seconds now)
        : request_(r), hub_(h), records_(p), random_(random), now_(now) {}

    api_answer answer_to(const address& at) {
        if (at.what == address::thing::registration) {
            return at.query                      ? registrations_page(at)
                   : request_.method == "GET"    ? show_registration(at)
                   : request_.method == "DELETE" ? remove_registration(at)
                                                 : no_method();
        }
        return at.query                      ? page(at)
               : request_.method == "GET"    ? show(at)
               : request_.method == "PUT"    ? put(at)
               : request_.method == "DELETE" ? remove(at)
                                             : no_method();
    }
    api_answer refuse(error_code code, std::string message) {
        auto told = refusal(code, std::move(message), random_, now_);
        return {told.status, std::move(told.body), "", ""};
    }

private:
    api_answer no_method() { return refuse(error_code::method_not_known, "This address knows another method."); }
    api_answer failed(const error& e) {
        return refuse(code_of(e),
                      code_of(e) == error_code::internal ? "The service could not do it; its log says why." : e.message);
    }
    static api_answer told(const enrolment& e) { return {200, to_json(e), e.etag(), ""}; }
    [[nodiscard]] size_t page_size() const { return request_.most == 0 ? most_page : std::min(request_.most, most_page); }

    api_answer show(const address& at) {
        const auto found = records_.find(at.kind, at.id);
        return !found ? failed(found.error()) : *found ? told(**found) : failed(unknown_enrolment(at.kind, at.id));
    }

    // SDKs make and change by the same request; If-Match says that it is to be changed.
    result<enrolment> written(const address& at) {
        BERTH_TRY(body, wire::parse_json_object(request_.body, most_body));
        BERTH_TRY(cas, hub_.list_cas());
        BERTH_TRY(settings, settings_from_json(body, at.kind, at.id, cas));
        BERTH_TRY(before, records_.find(at.kind, at.id));
        if (!before) {
            if (!request_.if_match.empty()) {
                return fail(unknown_enrolment(at.kind, at.id));
            }
            auto fresh = make_enrolment(at.kind, at.id, std::move(settings), random_, now_);
            BERTH_CHECK(records_.add(fresh));
            return fresh;
        }
        if (request_.if_match.empty()) {
            return fail(error_category::usage, "enrolment_exists",
                        fmt::format("there is an enrolment \"{}\" already: to change it, say its etag in If-Match", at.id));
        }
        BERTH_CHECK(check_etag(*before, request_.if_match));
        return records_.change(*before, settings, now_);
    }
    api_answer put(const address& at) {
        auto done = written(at);
        return done ? told(*done) : failed(done.error());
    }

    api_answer remove(const address& at) {
        const auto found = records_.find(at.kind, at.id);
        if (!found) {
            return failed(found.error());
        }
        if (!*found) {
            return failed(unknown_enrolment(at.kind, at.id));
        }
        if (!request_.if_match.empty()) {
            if (const auto same = check_etag(**found, request_.if_match); !same) {
                return failed(same.error());
            }
        }
        const auto done = records_.remove(**found);
        return done ? api_answer{204, nullptr, "", ""} : failed(done.error());
    }

    api_answer page(const address& at) {
        if (request_.method != "POST") {
            return no_method();
        }
        if (auto refused = check_query()) {
            return std::move(*refused);
        }
        const auto some = records_.list({at.kind, request_.continuation, page_size()});
        if (!some) {
            return failed(some.error());
        }
        api_answer out;
        json::array all;
        for (const auto& e : *some) {
            all.emplace_back(to_json(e));
        }
        if (some->size() == page_size()) {
            out.continuation = some->back().id;
        }
        out.body = std::move(all);
        return out;
    }

    // {"query": "SELECT * FROM enrollments"}: whatever else it asks for would be left out in silence.
    std::optional<api_answer> check_query() {
        if (request_.body.find_first_not_of(" \t\r\n") == std::string::npos) {
            return std::nullopt;
        }
        const auto body = wire::parse_json_object(request_.body, most_body);
        if (!body) {
            return failed(body.error());
        }
        const auto* const text = body->if_contains("query");
        if (!text || !text->is_string()) {
            return refuse(error_code::bad_request, "query is a text.");
        }
        std::string words;
        for (const char c : std::string_view(text->as_string())) {
            const bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
            if (!space || (!words.empty() && words.back() != ' ')) {
                words += space ? ' ' : c;
            }
        }
        const std::string folded = fold_registration_id(words);
        constexpr std::string_view all = "select * from ";
        if (!folded.starts_with(all) || folded.find(' ', all.size()) != std::string::npos || folded.size() == all.size()) {
            return refuse(error_code::not_supported,
                          "Only \"SELECT * FROM enrollments\" (or enrollmentGroups) is supported: conditions are not.");
        }
        return std::nullopt;
    }

    api_answer show_registration(const address& at) {
        const auto found = records_.find_registration(at.id);
        return !found   ? failed(found.error())
               : *found ? api_answer{200, to_json(**found), (*found)->etag(), ""}
                        : refuse(error_code::no_registration, fmt::format("\"{}\" has not registered.", printable(at.id)));
    }

    api_answer remove_registration(const address& at) {
        const auto done = records_.remove_registration(at.id);
        return !done   ? failed(done.error())
               : *done ? api_answer{204, nullptr, "", ""}
                       : refuse(error_code::no_registration, fmt::format("\"{}\" has not registered.", printable(at.id)));
    }

    api_answer registrations_page(const address& at) {
        if (request_.method != "POST") {
            return no_method();
        }
        const auto some = records_.list_registrations({enrolment_kind::group, at.id, request_.continuation, page_size()});
        if (!some) {
            return failed(some.error());
        }
        api_answer out;
        json::array all;
        for (const auto& r : *some) {
            all.emplace_back(to_json(r));
        }
        if (some->size() == page_size()) {
            out.continuation = some->back().id;
        }
        out.body = std::move(all);
        return out;
    }

    static std::string printable(std::string_view text) {
        std::string out;
        for (const char c : text.substr(0, most_registration_id)) {
            out += c > 0x20 && c < 0x7f ? c : '?';
        }
        return out;
    }

    const api_request& request_;
    hub_registry& hub_;
    provisioning_registry& records_;
    random_source& random_;
    unix_seconds now_;
};

}  // namespace

bool is_service_path(std::string_view path) {
    return parse_address(path).has_value();
}

api_answer answer_service_api(const api_request& request, hub_registry& hub, provisioning_registry& records,
                              random_source& random, unix_seconds now) {
    desk at(request, hub, records, random, now);
    const auto address = parse_address(request.path);
    return address ? at.answer_to(*address) : at.refuse(error_code::nothing_there, "There is nothing at this address.");
}

}  // namespace berth::provisioning

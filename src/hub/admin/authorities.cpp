// The CAs whose devices may log in: the registry's office over HTTP.
#include "registry/hub/ca_office.h"

#include "hub/access/iso_time.h"
#include "hub/admin/routes.h"

#include <fmt/format.h>

namespace berth::hub {

using namespace registry;

namespace {

namespace json = wire::json;

json::object told(const registered_ca& ca, unix_seconds now) {
    json::object out{{"name", ca.name},
                     {"state", std::string(to_string(ca.state))},
                     {"subject", ca.certificate.subject()},
                     {"sha256", to_hex(ca.certificate.sha256())},
                     {"notAfter", to_iso8601(ca.certificate.not_after())},
                     {"letsIn", ca.counts(now)},
                     {"added", to_iso8601(ca.added)},
                     {"etag", ca.etag()}};
    if (ca.state == ca_state::unverified) {
        out["code"] = ca.code;
        out["codeExpires"] = to_iso8601(ca.code_expires);
    } else {
        out["verified"] = to_iso8601(ca.verified_at);
    }
    if (ca.retires != 0) {
        out["retires"] = to_iso8601(ca.retires);
    }
    return out;
}

api_result one(const api_context& c, const registered_ca& ca, unsigned status = 200) {
    return {api_answer::json(status, told(ca, c.now))};
}

// The body's time; 0: null.
result<unix_seconds> time_of(const json::object& body, bool may_be_null) {
    const auto* const at = body.if_contains("at");
    if (at && at->is_null() && may_be_null) {
        return 0;
    }
    const auto time = at && at->is_string() ? time_from(at->as_string()) : std::nullopt;
    if (!time || *time <= 0) {
        return fail(error_category::usage, "bad_parameter",
                    fmt::format("the member at is a time as 2030-01-31T12:00:00Z{}", may_be_null ? ", or null" : ""));
    }
    return *time;
}

result<json::object> body_of(const api_context& c, std::initializer_list<std::string_view> members) {
    BERTH_TRY(body, wire::parse_json_object(c.request.body, most_small_body));
    for (const auto& [name, value] : body) {
        if (std::find(members.begin(), members.end(), std::string_view(name)) == members.end()) {
            return fail(error_category::usage, "bad_parameter",
                        fmt::format("the body has no member \"{}\"", std::string_view(name).substr(0, 64)));
        }
    }
    return body;
}

}  // namespace

result<api_result> list_authorities(const api_context& c) {
    BERTH_TRY(all, c.hub.list_cas());
    json::array out;
    for (const auto& ca : all) {
        out.push_back(told(ca, c.now));
    }
    return api_result{api_answer::json(200, out)};
}

result<api_result> get_authority(const api_context& c) {
    BERTH_TRY(ca, require_ca(c.hub, c.name("name")));
    BERTH_TRY(count, c.hub.count_logins(ca.certificate.sha256()));
    auto out = told(ca, c.now);
    out["logins"] = count;
    out["certificate"] = ca.certificate.to_pem();
    return api_result{api_answer::json(200, out)};
}

result<api_result> register_authority(const api_context& c) {
    const auto name = text_parameter(c.request, "name");
    if (!name) {
        return fail(error_category::usage, "bad_parameter", "say what it is called: POST /v1/cas?name=NAME");
    }
    BERTH_TRY(ca, register_ca(c.hub, *name, as_bytes(c.request.body), c.random, c.now));
    return one(c, ca, 201);
}

result<api_result> verify_authority(const api_context& c) {
    BERTH_TRY(ca, prove_ca(c.hub, c.name("name"), as_bytes(c.request.body), c.now));
    return one(c, ca);
}

result<api_result> draw_authority_code(const api_context& c) {
    BERTH_TRY(ca, draw_another_code(c.hub, c.name("name"), c.random, c.now));
    return one(c, ca);
}

result<api_result> retire_authority(const api_context& c) {
    BERTH_TRY(body, body_of(c, {"at"}));
    BERTH_TRY(at, time_of(body, true));
    BERTH_TRY(ca, retire_ca(c.hub, c.name("name"), at));
    return one(c, ca);
}

result<api_result> replace_authority(const api_context& c) {
    BERTH_TRY(body, body_of(c, {"successor", "at"}));
    BERTH_TRY(successor, wire::text_member(body, "successor"));
    BERTH_TRY(at, time_of(body, false));
    BERTH_TRY(ca, replace_ca(c.hub, c.name("name"), successor, at, c.now));
    return one(c, ca);
}

result<api_result> delete_authority(const api_context& c) {
    BERTH_TRY(cut_off, flag_parameter(c.request, "cutOff"));
    BERTH_TRY(forget_lists, flag_parameter(c.request, "forgetLists"));
    auto count = remove_ca(c.hub, c.name("name"), cut_off, forget_lists);
    if (!count) {
        error e = std::move(count).error();
        if (e.is("would_cut_off")) {
            e.message += ": add ?cutOff=true if that is meant, or replace it first";
        }
        if (e.is("would_forget_lists")) {
            e.message += ", or add ?forgetLists=true if that is meant";
        }
        return fail(std::move(e));
    }
    return api_result{api_answer::json(200, json::object{{"cutOff", *count}})};
}

}  // namespace berth::hub

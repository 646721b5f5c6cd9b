#include "hub_server/admin_service.h"

#include "base/log.h"
#include "hub/access/percent.h"
#include "hub/messages/message_headers.h"
#include "setup/hub_policies.h"

namespace berth::app {

namespace {

std::optional<std::string> field_of(const net::http_request& request, const char* name) {
    return request.headers.has(name) ? std::optional(std::string(request.headers.get(name))) : std::nullopt;
}

hub::api_request api_request_of(const net::http_request& request) {
    hub::api_request out{
        request.method,         request.path, request.query, field_of(request, "If-Match"), field_of(request, "If-None-Match"),
        request.content_type(), request.body};
    for (const auto& field : request.headers) {
        if (hub::is_message_field(field.first)) {
            out.fields.push_back(field);
        }
    }
    return out;
}

error not_kept() {
    return {error_category::environment, "store_failed", "The hub could not keep what it had to."};
}

}  // namespace

net::http_response response_of(const hub::api_answer& answer) {
    net::http_response out{answer.status, {}, answer.body};
    if (!answer.type.empty()) {
        out.headers.add("Content-Type", answer.type);
    }
    for (const auto& [name, value] : answer.headers) {
        out.headers.add(name, value);
    }
    out.headers.add("Cache-Control", "no-store");
    return out;
}

const hub::policies* policies_watch::now() {
    auto there = list_watch::look_at({policies_file(hub_)});
    if (!seen_ || *seen_ != there) {
        seen_ = std::move(there);
        auto read = read_policies(hub_);
        if (!read) {
            log::failure("policies_unreadable", read.error());
        }
        read_ = read ? std::optional(std::move(*read)) : std::nullopt;
    }
    return read_ ? &*read_ : nullptr;
}

admin_service::admin_service(hub_desk& desk, settings by, ops::metric_registry& metrics, hub::session_source sessions)
    : desk_(desk),
      by_(std::move(by)),
      api_(desk.random(), desk.time(), std::move(sessions), &desk.messages()),
      outcomes_(metrics.counters("berth_hub_requests_total", "Requests to the hub's API: what was asked, and what came of it",
                                 {"operation", "outcome"})) {}

std::vector<hub_service::mount> admin_service::mounts() const {
    return {{"/devices", hub::most_bulk_body}, {"/v1/import", hub::most_import_body}, {"/{rest...}", hub::most_small_body}};
}

result<hub::caller> admin_service::admit(const net::http_request& request) {
    const auto path = hub::percent_decoded(request.path);
    const auto authorization = request.headers.get("Authorization");
    const auto* const keys = by_.keys && !authorization.empty() ? by_.keys->now() : nullptr;
    return by_.gate->admit({authorization, request.peer->chain, path ? *path : std::string_view()}, keys, desk_.time().now());
}

void admin_service::tell(const net::http_responder& respond, const hub::admin_api::outcome& what) {
    const char* const done = what.partly ? "partly" : "ok";
    outcomes_.with({what.operation, what.why ? what.why->name : done}).add();
    respond(response_of(what.answer));
}

void admin_service::serve(const net::http_request& request, const net::http_responder& respond) {
    const auto who = admit(request);
    const auto asked = api_request_of(request);
    hub::admin_api::outcome done;
    const bool writes = who && hub::admin_api::writes(asked);
    if (writes && !desk_.begin()) {
        done.operation = "none";
        done.why = not_kept();
        done.answer = hub::failure(*done.why);
        return tell(respond, done);
    }
    const auto work = [&]() -> result<void> {
        done = api_.answer(desk_.registry(), desk_.twins(), asked, who);
        return done.keep ? result<void>() : fail(not_kept());
    };
    // A request that failed leaves nothing behind.
    if (const auto kept = writes ? desk_.registry().all_or_nothing(work) : work(); !kept && done.keep) {
        done.why = kept.error();
        done.answer = hub::failure(*done.why);
    }
    std::vector<log::field> about{{"operation", done.operation},
                                  {"who", who ? who->name : "unknown"},
                                  {"peer", request.peer->address},
                                  {"method", request.method},
                                  {"path", request.path.substr(0, 300)}};
    if (done.why) {
        // Mistakes of who may ask are told to him, and are no matter of the operator's.
        if (done.answer.status == 401 || done.answer.status >= 500) {
            log::failure("hub_refused", *done.why, std::move(about));
        }
        about.clear();
    }
    if (!desk_.open()) {
        return tell(respond, done);
    }
    desk_.after_commit([this, respond, done = std::move(done), about = std::move(about), writes](bool kept) mutable {
        if (!kept) {
            done.why = not_kept();
            done.answer = hub::failure(*done.why);
        } else if (writes && !about.empty()) {
            log::info("hub_changed", "the registry was changed over the API", std::move(about));
        }
        tell(respond, done);
    });
}

}  // namespace berth::app

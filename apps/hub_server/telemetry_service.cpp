#include "hub_server/telemetry_service.h"

#include "hub/telemetry/telemetry_http.h"
#include "hub/topics/topics.h"
#include "hub_server/admin_service.h"

namespace berth::app {

namespace {

// Several publications that are answered together.
struct publications {
    size_t open = 0;
    std::optional<error> why;
};

}  // namespace

std::vector<hub_service::mount> telemetry_service::mounts() const {
    return {{"/devices/{id}/messages/events", hub::most_telemetry_body},
            {"/devices/{id}/modules/{module}/messages/events", hub::most_telemetry_body}};
}

void telemetry_service::serve(const net::http_request& request, const net::http_responder& respond) {
    const auto who = door_.admit(request, named_in_path(request), registry::operation::telemetry);
    if (!who) {
        return respond(device_door::refused());
    }
    if (request.method != "POST") {
        auto out = response_of(hub::failure({error_category::usage, "method_not_allowed", "this path takes POST"}));
        out.headers.add("Allow", "POST");
        return respond(std::move(out));
    }
    const std::span fields(request.headers.begin(), request.headers.end());
    auto messages = hub::read_telemetry(request.content_type(), fields, request.body);
    if (!messages) {
        return respond(response_of(hub::failure(messages.error())));
    }
    const auto all = std::make_shared<publications>();
    all->open = messages->size();
    for (const auto& one : *messages) {
        line_.publish(hub::telemetry_topic(who->identity.name) + one.bag, one.payload, [all, respond](const result<void>& how) {
            if (!how && !all->why) {
                all->why = how.error();
            }
            if (--all->open == 0) {
                respond(all->why ? response_of(hub::failure(*all->why)) : net::http_response::empty(204));
            }
        });
    }
}

}  // namespace berth::app

#include "hub_server/method_service.h"

#include "base/log.h"

namespace berth::app {

namespace {

result<registry::identity_name> name_of(const net::http_request& request) {
    const auto part = [&](const char* name) {
        const auto found = request.params.find(name);
        return found != request.params.end() ? found->second : std::string();
    };
    const std::string device = part("id"), module = part("module");
    return registry::parse_identity_name(module.empty() ? device : device + "/" + module);
}

}  // namespace

std::vector<hub_service::mount> method_service::mounts() const {
    return {{"/twins/{id}/methods", hub::most_method_body}, {"/twins/{id}/modules/{module}/methods", hub::most_method_body}};
}

void method_service::serve(const net::http_request& request, const net::http_responder& respond) {
    const auto who = admins_.admit(request);
    if (!who || !who->may.has(hub::right::service_connect)) {
        log::warning("hub_refused", who ? who->name + " has not the right serviceConnect." : who.error().message,
                     {{"operation", "callMethod"}, {"peer", request.peer->address}, {"path", request.path.substr(0, 300)}});
        return respond(response_of(hub::unauthorized()));
    }
    if (request.method != "POST") {
        auto out = response_of(hub::failure({error_category::usage, "method_not_allowed", "this path takes POST"}));
        out.headers.add("Allow", "POST");
        return respond(std::move(out));
    }
    call(request, respond);
}

void method_service::serve_local(const net::http_request& request, const net::http_responder& respond) {
    call(request, respond);
}

void method_service::call(const net::http_request& request, const net::http_responder& respond) {
    const auto whom = name_of(request);
    auto what = request.content_type() == "application/json"
                    ? hub::method_request::parse(request.body)
                    : fail(error_category::usage, "unsupported_media_type", "the body is application/json");
    if (!whom || !what) {
        return respond(response_of(hub::failure(whom ? what.error() : whom.error())));
    }
    desk_.call(*whom, std::move(*what), [respond](const result<std::string>& said) {
        respond(said ? net::http_response::text(200, *said, "application/json; charset=utf-8")
                     : response_of(hub::failure(said.error())));
    });
}

}  // namespace berth::app

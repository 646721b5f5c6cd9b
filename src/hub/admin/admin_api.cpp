#include "hub/admin/admin_api.h"

#include <fmt/format.h>

namespace berth::hub {

namespace {

error refusal(const char* name, std::string why) {
    return {error_category::usage, name, std::move(why)};
}

// Nothing is let through because it is not known: that would tell strangers what there is.
std::optional<error> why_not(const found_route& found, const result<caller>& who) {
    if (found.route && !found.route->needs) {
        return std::nullopt;
    }
    if (!who) {
        return who.error();
    }
    if (found.route && !who->may.has(*found.route->needs)) {
        return error{error_category::peer, "right_missing",
                     fmt::format("{} has not the right {}.", who->name, to_string(*found.route->needs))};
    }
    return std::nullopt;
}

result<void> check_body(const api_route& route, const api_request& request) {
    if (route.takes == body_kind::json && request.content_type != "application/json") {
        return fail(refusal("unsupported_media_type", "the body is application/json"));
    }
    return {};
}

}  // namespace

bool admin_api::writes(const api_request& request) {
    const auto found = find_route(request.method, request.path);
    return found.route && found.route->writes;
}

admin_api::outcome admin_api::answer(registry::hub_registry& hub, registry::twin_registry& twins, const api_request& request,
                                     const result<caller>& who) {
    const auto found = find_route(request.method, request.path);
    outcome out;
    out.operation = found.route ? std::string(found.route->operation) : "none";
    if (auto why = why_not(found, who)) {
        out.answer = unauthorized();
        out.why = std::move(why);
        out.keep = false;
        return out;
    }
    const auto done = [&]() -> result<api_result> {
        if (found.malformed) {
            return fail(refusal("malformed", "a percent-encoding in the path is malformed"));
        }
        if (!found.route && found.allowed.empty()) {
            return fail(refusal("not_found", "there is nothing at this path: GET /openapi.json lists what there is"));
        }
        if (!found.route) {
            return fail(refusal("method_not_allowed", fmt::format("this path takes {}", found.allowed)));
        }
        if (!found.route->handle) {
            return fail(refusal("not_implemented", std::string(found.route->later)));
        }
        BERTH_CHECK(check_body(*found.route, request));
        return found.route->handle(
            {hub, twins, request, found.names, random_, clock_.now(), sessions_, who ? who->may : right_set(), messages_});
    }();
    if (done) {
        out.answer = done->answer;
        out.keep = done->keep;
        out.partly = done->partly;
        return out;
    }
    out.answer = failure(done.error());
    out.why = done.error();
    out.keep = false;
    if (out.answer.status == 405) {
        out.answer.headers.emplace_back("Allow", found.allowed);
    }
    return out;
}

}  // namespace berth::hub

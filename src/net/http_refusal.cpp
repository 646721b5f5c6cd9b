#include "net/http_refusal.h"

#include <fmt/format.h>

namespace berth::net {

namespace {

constexpr error_category categories[] = {error_category::peer, error_category::incompatible, error_category::usage,
                                         error_category::environment, error_category::internal};

}  // namespace

error refusal_of(const http_response& response, std::string_view who) {
    error out{error_category::peer, "malformed", fmt::format("{} answered {} without saying why", who, response.status)};
    const auto body = wire::parse_json_object(response.body);
    const auto* inner = body ? body->if_contains("error") : nullptr;
    if (!inner || !inner->is_object()) {
        return out;
    }
    const auto name = wire::text_member(inner->get_object(), "name");
    const auto message = wire::text_member(inner->get_object(), "message");
    const auto category = wire::text_member(inner->get_object(), "category");
    if (!name || !message || !category) {
        return out;
    }
    out.name = *name;
    out.message = *message;
    for (const auto each : categories) {
        if (*category == to_string(each)) {
            out.category = each;
        }
    }
    return out;
}

}  // namespace berth::net

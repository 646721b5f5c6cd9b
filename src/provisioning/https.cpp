#include "provisioning/https.h"

#include "provisioning/parts.h"

namespace berth::provisioning {

namespace {

// "/SCOPE/registrations/ID[/...]": what stands between the slashes, decoded; nothing: none of ours.
std::optional<std::vector<std::string>> parts_of(std::string_view path) {
    if (path.empty() || path.front() != '/' || path.size() > 1'024) {
        return std::nullopt;
    }
    std::vector<std::string> out;
    for (const auto part : split(path.substr(1), '/')) {
        auto decoded = percent_decoded(part);
        if (!decoded || decoded->empty()) {
            return std::nullopt;
        }
        out.push_back(std::move(*decoded));
    }
    return out.size() >= 3 && out.size() <= 5 && out[1] == "registrations" ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace

bool is_provisioning_path(std::string_view path) {
    return parts_of(path).has_value();
}

answer answer_https(service& to, caller who, const https_request& request, unix_seconds now) {
    const auto parts = parts_of(request.path);
    if (!parts) {
        return to.no_such_thing(404, "There is nothing at this address.", now);
    }
    who.scope = parts->front();
    const std::string& id = (*parts)[2];
    const std::string action = parts->size() > 3 ? (*parts)[3] : "";
    const bool known =
        (parts->size() == 3) || (parts->size() == 4 && action == "register") || (parts->size() == 5 && action == "operations");
    if (!known) {
        return to.no_such_thing(404, "There is nothing at this address.", now);
    }
    if (action == "register" && request.method == "PUT") {
        return to.begin(who, id, request.body, now);
    }
    if (action == "operations" && request.method == "GET") {
        return to.status(who, id, parts->back(), now);
    }
    if (action.empty() && request.method == "POST") {
        return to.lookup(who, id, now);
    }
    return to.no_such_thing(405, "This address knows another method: PUT .../register, GET .../operations/ID, POST.", now);
}

}  // namespace berth::provisioning

#include "hub/admin/routes.h"

#include "hub/access/percent.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace berth::hub {

namespace {

using kind = api_parameter::kind;

constexpr std::string_view with_twins = "Twins come with the hub's behaviours; this version does not have them.";
constexpr std::string_view not_here = "This hub has none: use /v1/identities and /v1/import.";

const api_parameter top{"top", kind::number, "how many at most, up to 1000"};
const api_parameter most{"most", kind::number, "how many at most, up to 1000"};

std::vector<api_route> make_routes() {
    using enum right;
    std::vector<api_route> out{
        // As the service's, so that its SDKs need not know whom they talk to.
        {"GET",
         "/devices",
         "listDevices",
         "Devices, by name",
         registry_read,
         list_devices,
         {top},
         body_kind::none,
         "",
         "Identities"},
        {"POST",
         "/devices",
         "changeMany",
         "Up to 100 identities at once, each by its importMode",
         registry_write,
         change_many,
         {},
         body_kind::json,
         "BulkIdentities",
         "BulkResult"},
        {"GET", "/devices/{id}", "getDevice", "One device", registry_read, get_identity, {}, body_kind::none, "", "Identity"},
        {"PUT",
         "/devices/{id}",
         "putDevice",
         "Makes a device; with If-Match, changes the one that is there",
         registry_write,
         put_identity,
         {},
         body_kind::json,
         "Identity",
         "Identity"},
        {"DELETE", "/devices/{id}", "deleteDevice", "Takes a device out, with its modules", registry_write, delete_identity},
        {"GET",
         "/devices/{id}/modules",
         "listModules",
         "The modules of a device",
         registry_read,
         list_modules,
         {},
         body_kind::none,
         "",
         "Identities"},
        {"GET",
         "/devices/{id}/modules/{module}",
         "getModule",
         "One module",
         registry_read,
         get_identity,
         {},
         body_kind::none,
         "",
         "Identity"},
        {"PUT",
         "/devices/{id}/modules/{module}",
         "putModule",
         "Makes a module; with If-Match, changes the one that is there",
         registry_write,
         put_identity,
         {},
         body_kind::json,
         "Identity",
         "Identity"},
        {"DELETE", "/devices/{id}/modules/{module}", "deleteModule", "Takes a module out", registry_write, delete_identity},
        {"GET",
         "/statistics/devices",
         "deviceStatistics",
         "How many devices there are",
         registry_read,
         tell_device_statistics,
         {},
         body_kind::none,
         "",
         "DeviceStatistics"},
        {"GET",
         "/statistics/service",
         "serviceStatistics",
         "How many devices are connected",
         service_connect,
         tell_service_statistics,
         {},
         body_kind::none,
         "",
         "ServiceStatistics"},

        // Ours.
        {"GET",
         "/v1/identities",
         "listIdentities",
         "Devices or modules that meet all of what is asked, page by page",
         registry_read,
         list_identities,
         {{"modules", kind::flag, "modules instead of devices"},
          {"device", kind::text, "the modules of this device"},
          {"status", kind::text, "enabled or disabled"},
          {"group", kind::text, "of this group; empty: of none"},
          {"after", kind::text, "from behind this one on: `next` of the page before"},
          most},
         body_kind::none,
         "",
         "IdentityPage"},
        {"POST",
         "/v1/devices/{id}/revoke",
         "revokeDevice",
         "Refuses all certificates that a device has: its epoch goes up",
         registry_write,
         revoke_identity,
         {},
         body_kind::none,
         "",
         "Identity"},
        {"POST",
         "/v1/devices/{id}/modules/{module}/revoke",
         "revokeModule",
         "The same of a module",
         registry_write,
         revoke_identity,
         {},
         body_kind::none,
         "",
         "Identity"},
        {"POST",
         "/v1/import",
         "importIdentities",
         "New identities, one JSON object a line; all lines or, if asked, the good ones",
         registry_write,
         import_lines,
         {{"skipBadLines", kind::flag, "import what can be imported"}},
         body_kind::json_lines,
         "Identity",
         "ImportReport"},
        {"GET",
         "/v1/events",
         "listEvents",
         "What became of identities, in order",
         registry_read,
         list_events,
         {{"after", kind::number, "from behind this number on"}, most},
         body_kind::none,
         "",
         "Events"},
        {"GET",
         "/v1/cas",
         "listAuthorities",
         "The CAs whose devices may log in",
         registry_read,
         list_authorities,
         {},
         body_kind::none,
         "",
         "Authorities"},
        {"POST",
         "/v1/cas",
         "registerAuthority",
         "The first of two steps: a CA's certificate. The answer has the code to prove",
         registry_write,
         register_authority,
         {{"name", kind::text, "what it is called"}},
         body_kind::certificate,
         "",
         "Authority"},
        {"GET", "/v1/cas/{name}", "getAuthority", "One CA", registry_read, get_authority, {}, body_kind::none, "", "Authority"},
        {"DELETE",
         "/v1/cas/{name}",
         "deleteAuthority",
         "Takes a CA out: whom it lets in is cut off",
         registry_write,
         delete_authority,
         {{"cutOff", kind::flag, "also when devices have logged in through it last"}},
         body_kind::none,
         "",
         "CutOff"},
        {"POST",
         "/v1/cas/{name}/code",
         "drawAuthorityCode",
         "Another code, when one has expired",
         registry_write,
         draw_authority_code,
         {},
         body_kind::none,
         "",
         "Authority"},
        {"POST",
         "/v1/cas/{name}/verify",
         "verifyAuthority",
         "The second step: the verification certificate",
         registry_write,
         verify_authority,
         {},
         body_kind::certificate,
         "",
         "Authority"},
        {"POST",
         "/v1/cas/{name}/retire",
         "retireAuthority",
         "From a time on it lets nobody in; null: it stays after all",
         registry_write,
         retire_authority,
         {},
         body_kind::json,
         "Retirement",
         "Authority"},
        {"POST",
         "/v1/cas/{name}/replace",
         "replaceAuthority",
         "Lets another CA take its place; both count until a time",
         registry_write,
         replace_authority,
         {},
         body_kind::json,
         "Replacement",
         "Authority"},
        {"GET", "/openapi.json", "openapi", "This document", std::nullopt, tell_openapi},
    };
    for (auto& each : out) {
        each.writes = each.needs == registry_write;
        each.conditional = each.handle == put_identity || each.handle == delete_identity;
        each.status = each.handle == delete_identity ? 204 : each.handle == register_authority ? 201 : 200;
    }
    const auto later = [&out](std::string_view method, std::string_view path, std::string_view operation, right needs,
                              std::string_view why) {
        out.push_back({method, path, operation, why, needs, nullptr});
        out.back().later = why;
        out.back().status = 501;
    };
    later("GET", "/twins/{id}", "getTwin", service_connect, with_twins);
    later("PATCH", "/twins/{id}", "patchTwin", service_connect, with_twins);
    later("PUT", "/twins/{id}", "putTwin", service_connect, with_twins);
    later("POST", "/twins/{id}/methods", "callMethod", service_connect, with_twins);
    later("GET", "/twins/{id}/modules/{module}", "getModuleTwin", service_connect, with_twins);
    later("PATCH", "/twins/{id}/modules/{module}", "patchModuleTwin", service_connect, with_twins);
    later("PUT", "/twins/{id}/modules/{module}", "putModuleTwin", service_connect, with_twins);
    later("POST", "/twins/{id}/modules/{module}/methods", "callModuleMethod", service_connect, with_twins);
    later("POST", "/devices/query", "query", registry_read, not_here);
    later("GET", "/jobs", "listJobs", registry_read, not_here);
    later("POST", "/jobs/create", "createJob", registry_write, not_here);
    return out;
}

std::vector<std::string_view> segments_of(std::string_view path) {
    std::vector<std::string_view> out;
    path.remove_prefix(path.starts_with('/') ? 1 : 0);
    while (!path.empty()) {
        const size_t slash = std::min(path.find('/'), path.size());
        out.push_back(path.substr(0, slash));
        path.remove_prefix(std::min(slash + 1, path.size()));
    }
    return out;
}

bool fits(std::string_view pattern, const std::vector<std::string>& segments, std::map<std::string, std::string>& names) {
    const auto wanted = segments_of(pattern);
    if (wanted.size() != segments.size()) {
        return false;
    }
    names.clear();
    for (size_t i = 0; i < wanted.size(); ++i) {
        if (wanted[i].starts_with('{')) {
            names[std::string(wanted[i].substr(1, wanted[i].size() - 2))] = segments[i];
        } else if (wanted[i] != segments[i]) {
            return false;
        }
    }
    return true;
}

tl::unexpected<error> bad_parameter(const char* name, const std::string& why) {
    return fail(
        error{error_category::usage, "bad_parameter", fmt::format("the parameter {} {}", name, why), {{"parameter", name}}});
}

}  // namespace

std::span<const api_route> api_routes() {
    static const std::vector<api_route> routes = make_routes();
    return routes;
}

found_route find_route(std::string_view method, std::string_view path) {
    if (method == "HEAD") {
        method = "GET";
    }
    found_route out;
    std::vector<std::string> segments;
    for (const auto segment : segments_of(path)) {
        auto decoded = percent_decoded(segment);
        if (!decoded) {
            out.malformed = true;
            return out;
        }
        segments.push_back(std::move(*decoded));
    }
    for (const auto& route : api_routes()) {
        std::map<std::string, std::string> names;
        if (!fits(route.path, segments, names)) {
            continue;
        }
        // A segment spelt out is preferred to a name.
        const bool better = !out.route || names.size() < out.names.size();
        if (route.method == method && better) {
            out.route = &route;
            out.names = std::move(names);
        }
        if (out.allowed.find(route.method) == std::string::npos) {
            out.allowed +=
                (out.allowed.empty() ? "" : ", ") + std::string(route.method) + (route.method == "GET" ? ", HEAD" : "");
        }
    }
    return out;
}

result<size_t> number_parameter(const api_request& request, const char* name, size_t least, size_t most_allowed,
                                size_t otherwise) {
    const auto found = request.query.find(name);
    if (found == request.query.end()) {
        return otherwise;
    }
    const std::string& text = found->second;
    size_t value = 0;
    const auto [stop, mistake] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (mistake != std::errc() || stop != text.data() + text.size() || value < least || value > most_allowed) {
        return bad_parameter(name, fmt::format("is a number from {} to {}", least, most_allowed));
    }
    return value;
}

result<bool> flag_parameter(const api_request& request, const char* name) {
    const auto found = request.query.find(name);
    if (found == request.query.end()) {
        return false;
    }
    if (found->second != "true" && found->second != "false") {
        return bad_parameter(name, "is true or false");
    }
    return found->second == "true";
}

std::optional<std::string> text_parameter(const api_request& request, const char* name) {
    const auto found = request.query.find(name);
    return found != request.query.end() ? std::optional(found->second) : std::nullopt;
}

}  // namespace berth::hub

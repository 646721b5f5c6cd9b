#include "hub/admin/routes.h"

#include "hub/access/percent.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace berth::hub {

namespace {

using kind = api_parameter::kind;

constexpr std::string_view with_a_broker = "Methods are called where berthd keeps the hub's broker: [hub.mqtt].";
constexpr std::string_view with_files = "Devices have files where berthd.toml has [hub.files].";
constexpr std::string_view not_here = "This hub has none: use /v1/identities and /v1/import.";

const api_parameter top{"top", kind::number, "how many at most, up to 1000"};
const api_parameter most{"most", kind::number, "how many at most, up to 1000"};

struct body {
    body_kind kind = body_kind::none;
    std::string_view schema = {};
};
constexpr body none, certificate{body_kind::certificate};
constexpr body json(std::string_view schema) {
    return {body_kind::json, schema};
}

api_route reads(std::string_view path, std::string_view operation, std::string_view what, api_handler handle,
                std::string_view gives, std::vector<api_parameter> query = {}) {
    api_route out{"GET", path, operation, what, right::registry_read, handle, std::move(query)};
    out.gives_schema = gives;
    return out;
}

api_route writes(std::string_view method, std::string_view path, std::string_view operation, std::string_view what,
                 api_handler handle, const body& takes, std::string_view gives, std::vector<api_parameter> query = {}) {
    api_route out{method,           path,       operation,    what, right::registry_write, handle,
                  std::move(query), takes.kind, takes.schema, gives};
    out.writes = true;
    out.conditional = handle == put_identity || handle == delete_identity;
    out.status = handle == delete_identity ? 204 : handle == register_authority ? 201 : 200;
    return out;
}

// As the service's, so that its SDKs need not know whom they talk to.
void add_known(std::vector<api_route>& to) {
    constexpr std::string_view device = "/devices/{id}", module = "/devices/{id}/modules/{module}";
    to.push_back(reads("/devices", "listDevices", "Devices, by name", list_devices, "Identities", {top}));
    to.push_back(writes("POST", "/devices", "changeMany", "Up to 100 identities at once, each by its importMode", change_many,
                        json("BulkIdentities"), "BulkResult"));
    to.push_back(reads(device, "getDevice", "One device", get_identity, "Identity"));
    to.push_back(writes("PUT", device, "putDevice", "Makes a device; with If-Match, changes the one that is there", put_identity,
                        json("Identity"), "Identity"));
    to.push_back(writes("DELETE", device, "deleteDevice", "Takes a device out, with its modules", delete_identity, none, ""));
    to.push_back(reads("/devices/{id}/modules", "listModules", "The modules of a device", list_modules, "Identities"));
    to.push_back(reads(module, "getModule", "One module", get_identity, "Identity"));
    to.push_back(writes("PUT", module, "putModule", "Makes a module; with If-Match, changes the one that is there", put_identity,
                        json("Identity"), "Identity"));
    to.push_back(writes("DELETE", module, "deleteModule", "Takes a module out", delete_identity, none, ""));
    to.push_back(reads("/statistics/devices", "deviceStatistics", "How many devices there are", tell_device_statistics,
                       "DeviceStatistics"));
    to.push_back(reads("/statistics/service", "serviceStatistics", "How many devices are connected", tell_service_statistics,
                       "ServiceStatistics"));
    to.back().needs = right::service_connect;
    for (const std::string_view path : {"/twins/{id}", "/twins/{id}/modules/{module}"}) {
        const bool of_module = path.ends_with("{module}");
        const auto add = [&](std::string_view method, std::string_view operation, std::string_view what, api_handler handle) {
            auto route = method == "GET" ? reads(path, operation, what, handle, "Twin")
                                         : writes(method, path, operation, what, handle, json("Twin"), "Twin");
            route.needs = right::service_connect;
            route.conditional = method != "GET";
            to.push_back(std::move(route));
        };
        add("GET", of_module ? "getModuleTwin" : "getTwin", "What is wanted of it, what it says of itself, and its tags",
            get_twin);
        add("PATCH", of_module ? "patchModuleTwin" : "patchTwin", "Changes tags and desired properties; null takes one out",
            patch_twin);
        add("PUT", of_module ? "putModuleTwin" : "putTwin", "Sets tags and desired properties anew", put_twin);
    }
}

void add_ours(std::vector<api_route>& to) {
    to.push_back(reads("/v1/identities", "listIdentities", "Devices or modules that meet all of what is asked, page by page",
                       list_identities, "IdentityPage",
                       {{"modules", kind::flag, "modules instead of devices"},
                        {"device", kind::text, "the modules of this device"},
                        {"status", kind::text, "enabled or disabled"},
                        {"group", kind::text, "of this group; empty: of none"},
                        {"after", kind::text, "from behind this one on: `next` of the page before"},
                        most}));
    to.push_back(writes("POST", "/v1/devices/{id}/revoke", "revokeDevice",
                        "Refuses all certificates that a device has: its epoch goes up", revoke_identity, none, "Identity"));
    to.push_back(writes("POST", "/v1/devices/{id}/modules/{module}/revoke", "revokeModule", "The same of a module",
                        revoke_identity, none, "Identity"));
    to.push_back(writes("POST", "/v1/import", "importIdentities",
                        "New identities, one JSON object a line; all lines or, if asked, the good ones", import_lines,
                        {body_kind::json_lines, "Identity"}, "ImportReport",
                        {{"skipBadLines", kind::flag, "import what can be imported"}}));
    to.push_back(reads("/v1/events", "listEvents", "What became of identities, in order", list_events, "Events",
                       {{"after", kind::number, "from behind this number on"}, most}));
    to.push_back(reads("/v1/cas", "listAuthorities", "The CAs whose devices may log in", list_authorities, "Authorities"));
    to.push_back(writes("POST", "/v1/cas", "registerAuthority",
                        "The first of two steps: a CA's certificate. The answer has the code to prove", register_authority,
                        certificate, "Authority", {{"name", kind::text, "what it is called"}}));
    to.push_back(reads("/v1/cas/{name}", "getAuthority", "One CA", get_authority, "Authority"));
    to.push_back(writes("DELETE", "/v1/cas/{name}", "deleteAuthority", "Takes a CA out: whom it lets in is cut off",
                        delete_authority, none, "CutOff",
                        {{"cutOff", kind::flag, "also when devices have logged in through it last"},
                         {"forgetLists", kind::flag, "also when lists of signers below it go with it"}}));
    to.push_back(writes("POST", "/v1/cas/{name}/code", "drawAuthorityCode", "Another code, when one has expired",
                        draw_authority_code, none, "Authority"));
    to.push_back(writes("POST", "/v1/cas/{name}/verify", "verifyAuthority", "The second step: the verification certificate",
                        verify_authority, certificate, "Authority"));
    to.push_back(writes("POST", "/v1/cas/{name}/retire", "retireAuthority",
                        "From a time on it lets nobody in; null: it stays after all", retire_authority, json("Retirement"),
                        "Authority"));
    to.push_back(writes("POST", "/v1/cas/{name}/replace", "replaceAuthority",
                        "Lets another CA take its place; both count until a time", replace_authority, json("Replacement"),
                        "Authority"));
    for (const std::string_view path : {"/twins/{id}/methods", "/twins/{id}/modules/{module}/methods"}) {
        auto route =
            writes("POST", path, path.find("{module}") == path.npos ? "callMethod" : "callModuleMethod",
                   "Calls a direct method, and waits for what the device says", nullptr, json("MethodCall"), "MethodResult");
        route.needs = right::service_connect;
        route.writes = false;
        route.elsewhere = true;
        route.later = with_a_broker;
        to.push_back(std::move(route));
    }
    to.push_back({"GET", "/openapi.json", "openapi", "This document", std::nullopt, tell_openapi});
}

// What SDKs may ask for and get elsewhere: refused by a reason, and not as if the path were wrong.
void add_later(std::vector<api_route>& to) {
    const auto later = [&to](std::string_view method, std::string_view path, std::string_view operation, right needs,
                             std::string_view why) {
        to.push_back({method, path, operation, why, needs, nullptr});
        to.back().later = why;
        to.back().status = 501;
    };
    using enum right;
    later("POST", "/devices/query", "query", registry_read, not_here);
    later("GET", "/jobs", "listJobs", registry_read, not_here);
    later("POST", "/jobs/create", "createJob", registry_write, not_here);
}

// As the service's, too.
void add_messages(std::vector<api_route>& to) {
    const auto add = [&to](std::string_view method, std::string_view path, std::string_view operation, std::string_view what,
                           api_handler handle, const body& takes, std::string_view gives, unsigned status) {
        auto route = writes(method, path, operation, what, handle, takes, gives);
        route.needs = right::service_connect;
        route.status = status;
        to.push_back(std::move(route));
    };
    constexpr std::string_view feedback = "/messages/serviceBound/feedback", locked = "/messages/serviceBound/feedback/{lock}";
    add("POST", "/devices/{id}/messages/deviceBound", "sendMessage",
        "A message to a device, its properties in fields: iothub-messageid, -correlationid, -expiry, -ack, iothub-app-NAME",
        send_message, {body_kind::octets, "Octets"}, "SentMessage", 201);
    add("DELETE", "/devices/{id}/commands", "purgeMessages", "Takes all messages out that wait for a device", purge_messages,
        none, "Purged", 200);
    add("GET", feedback, "receiveFeedback",
        "What became of messages that asked for it: some, locked for a minute by the token in ETag; 204: there is none",
        receive_feedback, none, "Feedback", 200);
    add("DELETE", locked, "completeFeedback", "What was received under this lock has arrived", complete_feedback, none, "", 204);
    add("POST", "/messages/serviceBound/feedback/{lock}/abandon", "abandonFeedback", "It is to be received again",
        abandon_feedback, none, "", 204);
}

// What back ends ask of files that devices have uploaded, and hear of them.
void add_files(std::vector<api_route>& to) {
    const auto add = [&to](std::string_view method, std::string_view path, std::string_view operation, std::string_view what,
                           std::string_view gives, unsigned status, std::vector<api_parameter> query = {}) {
        auto route = reads(path, operation, what, nullptr, gives, std::move(query));
        route.method = method;
        route.needs = right::service_connect;
        route.status = status;
        route.elsewhere = true;
        route.later = with_files;
        to.push_back(std::move(route));
    };
    constexpr std::string_view notices = "/messages/serviceBound/filenotifications", file = "/v1/files/{id}/{name}";
    add("GET", notices, "receiveFileNotice",
        "A file that a device has said is complete: the oldest, locked for a minute by the token in ETag; 204: there is none",
        "FileNotice", 200);
    add("DELETE", "/messages/serviceBound/filenotifications/{lock}", "completeFileNotice",
        "What was received under this lock has arrived", "", 204);
    add("POST", "/messages/serviceBound/filenotifications/{lock}/abandon", "abandonFileNotice", "It is to be received again", "",
        204);
    add("GET", "/v1/files", "listFiles", "What devices have uploaded, by name, 1000 at a time", "Files", 200,
        {{"device", kind::text, "of this device"}, {"after", kind::text, "from behind this DEVICE/NAME on: `next` of before"}});
    add("GET", file, "readFile", "Its octets, up to 8 MiB at once, more by Range; slashes of its name stand as they are", "",
        200);
    add("DELETE", file, "deleteFile", "Takes a file out", "", 204);
}

std::vector<api_route> make_routes() {
    std::vector<api_route> out;
    add_known(out);
    add_messages(out);
    add_files(out);
    add_ours(out);
    add_later(out);
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
    // RFC 9110 9.2.1: HEAD is safe. What a GET locks for whoever has its answer would be locked for nobody.
    const auto answers_head = [](const api_route& route) { return route.method == "GET" && !route.writes; };
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
        if ((method == "HEAD" ? answers_head(route) : route.method == method) && better) {
            out.route = &route;
            out.names = std::move(names);
        }
        if (out.allowed.find(route.method) == std::string::npos) {
            out.allowed += (out.allowed.empty() ? "" : ", ") + std::string(route.method) + (answers_head(route) ? ", HEAD" : "");
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

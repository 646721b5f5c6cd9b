// The routes of the hub's API: one table, by which requests are answered, callers are judged and the interface is described
// (openapi.h).
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "hub/access/rights.h"
#include "hub/admin/message.h"
#include "registry/hub/device_message.h"
#include "registry/hub/hub_registry.h"
#include "registry/hub/identity_json.h"
#include "registry/hub/twin.h"

#include <functional>
#include <span>

namespace berth::hub {

inline constexpr size_t most_bulk = 100;     // of identities in one request, as the service that SDKs know
inline constexpr size_t most_listed = 1000;  // in one answer
inline constexpr size_t most_small_body = 64 * 1024;
inline constexpr size_t most_bulk_body = 1024 * 1024;
inline constexpr size_t most_import_body = 4 * 1024 * 1024;

// What others know of sessions. Without them everybody is taken for disconnected, and nobody is counted.
struct session_source {
    std::function<registry::connection_facts(const registry::identity_name&)> facts;
    std::function<result<uint64_t>()> connected;
};

// One request that may be answered, and what it is answered from.
struct api_context {
    registry::hub_registry& hub;
    registry::twin_registry& twins;
    const api_request& request;
    const std::map<std::string, std::string>& names;  // what {names} of the route's path stand for
    random_source& random;
    unix_seconds now;
    const session_source& sessions;
    right_set may = {};                              // of who asks
    registry::message_registry* messages = nullptr;  // null: this hub has none

    [[nodiscard]] const std::string& name(const char* of) const { return names.at(of); }
};

// Of the path's {id} and {module}. Error `bad_identity_name`.
result<registry::identity_name> name_in_path(const api_context& c);
// If-Match as check_etag() takes it: SDKs put even the star in quotes.
std::string_view wanted_etag(std::string_view if_match);
// Error `unknown_identity` (peer).
result<registry::identity> require_identity(const api_context& c, const registry::identity_name& name);

// What came of it. `keep`: what was written stays, whatever the status says. `partly`: some of it was refused.
struct api_result {
    api_answer answer;
    bool keep = true;
    bool partly = false;
};
using api_handler = result<api_result> (*)(const api_context&);

struct api_parameter {
    std::string_view name;
    enum class kind : uint8_t { text, number, flag } is;
    std::string_view what;
};

enum class body_kind : uint8_t { none, json, certificate, json_lines, octets };

struct api_route {
    std::string_view method, path;  // "/devices/{id}"
    std::string_view operation;     // its name, for metrics, logs and the description
    std::string_view what;
    std::optional<right> needs;  // nothing: it is for everybody
    api_handler handle;          // null: 501, `later` says when
    std::vector<api_parameter> query = {};
    body_kind takes = body_kind::none;
    std::string_view takes_schema = {}, gives_schema = {};  // of the components of the description
    unsigned status = 200;                                  // of success
    bool conditional = false;                               // on If-Match
    bool writes = false;
    std::string_view later = {};
    bool elsewhere = false;  // another service answers it, where there is one: here it is described
};
std::span<const api_route> api_routes();

struct found_route {
    const api_route* route = nullptr;
    std::map<std::string, std::string> names;
    bool malformed = false;  // a percent-encoding of the path
    std::string allowed;     // methods of the path, where it has not this one; empty: there is no such path
};
// HEAD is taken for GET. One empty segment at the end is passed over: SDKs ask for "/devices/".
found_route find_route(std::string_view method, std::string_view path);

// Parameters. Errors (usage) `bad_parameter`, param "parameter".
result<size_t> number_parameter(const api_request& request, const char* name, size_t least, size_t most, size_t otherwise);
result<bool> flag_parameter(const api_request& request, const char* name);
std::optional<std::string> text_parameter(const api_request& request, const char* name);

// ---- handlers, one for each operation

// identities.cpp
result<api_result> put_identity(const api_context& c);
result<api_result> get_identity(const api_context& c);
result<api_result> delete_identity(const api_context& c);
result<api_result> revoke_identity(const api_context& c);
result<api_result> list_devices(const api_context& c);
result<api_result> list_modules(const api_context& c);
result<api_result> list_identities(const api_context& c);
result<api_result> tell_device_statistics(const api_context& c);
result<api_result> tell_service_statistics(const api_context& c);
result<api_result> list_events(const api_context& c);
// twins.cpp
result<api_result> get_twin(const api_context& c);
result<api_result> patch_twin(const api_context& c);
result<api_result> put_twin(const api_context& c);
// messages.cpp
result<api_result> send_message(const api_context& c);
result<api_result> purge_messages(const api_context& c);
result<api_result> receive_feedback(const api_context& c);
result<api_result> complete_feedback(const api_context& c);
result<api_result> abandon_feedback(const api_context& c);
// bulk.cpp
result<api_result> change_many(const api_context& c);
result<api_result> import_lines(const api_context& c);
// authorities.cpp
result<api_result> list_authorities(const api_context& c);
result<api_result> register_authority(const api_context& c);
result<api_result> get_authority(const api_context& c);
result<api_result> delete_authority(const api_context& c);
result<api_result> draw_authority_code(const api_context& c);
result<api_result> verify_authority(const api_context& c);
result<api_result> retire_authority(const api_context& c);
result<api_result> replace_authority(const api_context& c);
// openapi.cpp
result<api_result> tell_openapi(const api_context& c);

}  // namespace berth::hub

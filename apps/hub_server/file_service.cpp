#include "hub_server/file_service.h"

#include "base/log.h"
#include "hub/access/percent.h"
#include "hub/admin/message.h"
#include "refusals.h"
#include "wire/base64.h"

#include <charconv>

namespace berth::app {

namespace {

constexpr std::string_view notices_path = "/messages/serviceBound/filenotifications";
constexpr uint64_t most_given = 100;
constexpr size_t most_listed = 1'000;

net::http_response json(const wire::json::value& value) {
    return response_of(hub::api_answer::json(200, value));
}

error not_kept() {
    return {error_category::environment, "store_failed", "The hub could not keep what it had to."};
}

error not_there() {
    return {error_category::peer, "not_found", "there is nothing at this path"};
}

error no_such_method() {
    return {error_category::usage, "method_not_allowed", "this path takes other methods"};
}

std::string param(const net::http_request& request, const char* name) {
    const auto found = request.params.find(name);
    return found != request.params.end() ? found->second : std::string();
}

std::optional<std::string> query(const net::http_request& request, const char* name) {
    const auto found = request.query.find(name);
    return found != request.query.end() ? std::optional(found->second) : std::nullopt;
}

// "/device-files/dev1/a%20b"
std::string address_of(const std::string& host, const std::string& container, const hub::blob_name& name) {
    std::string out = fmt::format("https://{}/{}/{}", host, container, hub::percent_encoded(name.device));
    for (size_t from = 0; from <= name.name.size();) {
        const size_t end = std::min(name.name.find('/', from), name.name.size());
        out += "/" + hub::percent_encoded(name.name.substr(from, end - from));
        from = end + 1;
    }
    return out;
}

wire::json::object described(const store::kept_file& file) {
    return {{"deviceId", file.device},  {"name", file.name},       {"octets", file.octets},
            {"contentType", file.type}, {"version", file.version}, {"lastUpdatedTime", to_iso8601(file.made)}};
}

}  // namespace

std::optional<std::pair<uint64_t, uint64_t>> parse_range(std::string_view text, uint64_t octets) {
    constexpr std::string_view unit = "bytes=";
    if (!text.starts_with(unit)) {
        return std::nullopt;
    }
    text.remove_prefix(unit.size());
    const char* const end = text.data() + text.size();
    uint64_t first = 0, last = 0;
    const auto from = std::from_chars(text.data(), end, first);
    if (from.ec != std::errc() || from.ptr == end || *from.ptr != '-') {
        return std::nullopt;
    }
    if (from.ptr + 1 == end) {
        last = octets - 1;
    } else if (const auto to = std::from_chars(from.ptr + 1, end, last); to.ec != std::errc() || to.ptr != end) {
        return std::nullopt;
    }
    if (octets == 0 || first >= octets || last < first) {
        return std::nullopt;
    }
    return std::pair(first, std::min(last, octets - 1) - first + 1);
}

file_service::file_service(file_desk& files, device_door& door, admin_service& admins, std::function<std::string()> host,
                           ops::metric_registry& metrics)
    : files_(files),
      door_(door),
      admins_(admins),
      host_(std::move(host)),
      outcomes_(metrics.counters("berth_hub_files_total", "What was asked about files of devices, and what came of it",
                                 {"operation", "outcome"})) {}

std::vector<hub_service::mount> file_service::mounts() const {
    std::vector<mount> out;
    for (const char* const path :
         {"/devices/{id}/files", "/devices/{id}/files/notifications", "/devices/{id}/files/notifications/{correlation}",
          "/messages/serviceBound/filenotifications", "/messages/serviceBound/filenotifications/{lock}",
          "/messages/serviceBound/filenotifications/{lock}/abandon", "/v1/files", "/v1/files/{id}/{rest...}"}) {
        out.push_back({path, most_body});
    }
    return out;
}

void file_service::tell(const char* operation, const net::http_responder& respond, answer what) {
    outcomes_.with({operation, what ? "ok" : what.error().name}).add();
    if (!what && what.error().category == error_category::environment) {
        log::failure("files_failed", what.error(), {{"party", "hub"}, {"operation", operation}});
    }
    respond(what ? std::move(*what) : response_of(hub::failure(what.error())));
}

void file_service::tell_kept(const char* operation, const net::http_responder& respond, answer what) {
    auto& desk = files_.desk();
    if (!desk.open()) {
        return tell(operation, respond, std::move(what));
    }
    desk.after_commit([this, operation, respond, what = std::move(what)](bool kept) mutable {
        tell(operation, respond, kept ? std::move(what) : answer(fail(not_kept())));
    });
}

void file_service::serve(const net::http_request& request, const net::http_responder& respond) {
    request.path.starts_with("/devices/") ? serve_device(request, respond) : serve_back_end(request, respond);
}

// ---- devices

void file_service::serve_device(const net::http_request& request, const net::http_responder& respond) {
    const auto named = named_in_path(request);
    const auto who = door_.admit(request, named, registry::operation::file_upload);
    if (!who) {
        return respond(device_door::refused());
    }
    const bool ends = request.params.contains("correlation") || request.path.ends_with("/files/notifications");
    const char* const operation = ends ? "end" : "begin";
    if (request.method != "POST") {
        return tell_kept(operation, respond, fail(no_such_method()));
    }
    if (request.content_type() != "application/json") {
        return tell_kept(operation, respond,
                         fail(error_category::usage, "unsupported_media_type", "the body is application/json"));
    }
    auto& desk = files_.desk();
    if (!desk.begin()) {
        return tell(operation, respond, fail(not_kept()));
    }
    tell_kept(operation, respond,
              desk.registry().all_or_nothing([&] { return ends ? end(who->identity, request) : begin(*who, request); }));
}

file_service::answer file_service::begin(const device_door::visitor& who, const net::http_request& request) {
    BERTH_TRY(body, wire::parse_json_object(request.body, most_body));
    BERTH_TRY(name, wire::text_member(body, "blobName"));
    auto& desk = files_.desk();
    BERTH_TRY(login,
              hub::keep_login(desk.registry(), who.identity, who.chain, who.words ? &*who.words : nullptr, desk.time().now()));
    BERTH_TRY(fresh, files_.begin(who.identity, name, hub::to_text(login)));
    return json(wire::json::object{{"correlationId", fresh.correlation},
                                   {"hostName", host_()},
                                   {"containerName", files_.config().container},
                                   {"blobName", fresh.name.text()},
                                   {"sasToken", fresh.token}});
}

file_service::answer file_service::end(const registry::identity& who, const net::http_request& request) {
    BERTH_TRY(body, wire::parse_json_object(request.body, most_body));
    // SDKs name it in the path, and the service's description in the body.
    std::string correlation = param(request, "correlation");
    if (correlation.empty()) {
        BERTH_TRY(said, wire::text_member(body, "correlationId"));
        correlation = std::move(said);
    }
    const auto* const success = body.if_contains("isSuccess");
    if (success == nullptr || !success->is_bool()) {
        return fail(error_category::usage, "bad_json", "\"isSuccess\" is true or false");
    }
    BERTH_CHECK(files_.end(who, correlation, success->as_bool()));
    return net::http_response::empty(204);
}

// ---- back ends

void file_service::serve_back_end(const net::http_request& request, const net::http_responder& respond) {
    const auto who = admins_.admit(request);
    if (!who || !who->may.has(hub::right::service_connect)) {
        tell_refusal("hub_refused", who ? "It has not the right serviceConnect." : who.error().message,
                     {{"party", "hub"},
                      {"operation", "files"},
                      {"who", who ? who->name : "unknown"},
                      {"peer", request.peer->address},
                      {"error", who ? "right_missing" : who.error().name}});
        outcomes_.with({"back_end", "refused"}).add();
        return respond(response_of(hub::unauthorized()));
    }
    const std::string_view path = request.path;
    const auto& method = request.method;
    const bool gets = method == "GET" || method == "HEAD";
    auto& desk = files_.desk();
    if (path.starts_with("/v1/files")) {
        if (!request.params.contains("id")) {
            return tell_kept("list", respond, gets ? list(request) : fail(no_such_method()));
        }
        if (gets) {
            return read(request, respond);
        }
        if (method != "DELETE") {
            return tell_kept("delete", respond, fail(no_such_method()));
        }
        const hub::blob_name name{param(request, "id"), param(request, "rest")};
        if (const auto good = hub::check_blob_name(name); !good) {
            return tell_kept("delete", respond, fail(good.error()));
        }
        return files_.remove(name, [this, respond, name, by = who->name](const result<void>& how) {
            if (how) {
                log::info("file_deleted", "a file of a device's was deleted",
                          {{"party", "hub"}, {"file", name.text()}, {"who", by}});
            }
            tell("delete", respond, how ? answer(net::http_response::empty(204)) : fail(how.error()));
        });
    }
    const bool one = path.size() > notices_path.size();
    const bool abandons = one && path.ends_with("/abandon");
    if (method != (!one ? "GET" : abandons ? "POST" : "DELETE")) {
        return tell_kept("notice", respond, fail(no_such_method()));
    }
    if (!desk.begin()) {
        return tell("notice", respond, fail(not_kept()));
    }
    if (!one) {
        return tell_kept("notice", respond, notice());
    }
    const auto lock_of = param(request, "lock");
    const unix_seconds now = desk.time().now();
    const auto held = abandons ? files_.records().abandon(lock_of, now) : files_.records().complete(lock_of, now);
    const char* const operation = abandons ? "abandon" : "complete";
    if (!held) {
        return tell_kept(operation, respond, fail(held.error()));
    }
    tell_kept(operation, respond,
              *held ? answer(net::http_response::empty(204))
                    : fail(error_category::peer, "etag_mismatch", "no notice is locked by this token, or it is no longer"));
}

file_service::answer file_service::notice() {
    auto& desk = files_.desk();
    const unix_seconds now = desk.time().now();
    const auto token = wire::base64url(desk.random().octets<18>());
    BERTH_TRY(taken, files_.records().take(token, now, now + lock, now - files_.config().notices, most_given));
    if (!taken) {
        return net::http_response::empty(204);
    }
    const auto& file = taken->file;
    const hub::blob_name name{file.device, file.name};
    auto out = json(wire::json::object{{"deviceId", file.device},
                                       {"blobUri", address_of(host_(), files_.config().container, name)},
                                       {"blobName", name.text()},
                                       {"lastUpdatedTime", to_iso8601(file.made)},
                                       {"blobSizeInBytes", file.octets},
                                       {"enqueuedTimeUtc", to_iso8601(taken->queued)}});
    out.headers.add("ETag", "\"" + taken->lock + "\"");
    return out;
}

file_service::answer file_service::list(const net::http_request& request) {
    const auto after = query(request, "after");
    hub::blob_name from;
    if (after) {
        BERTH_TRY(read, hub::parse_blob_name(*after));
        from = std::move(read);
    }
    BERTH_TRY(found, files_.records().list(query(request, "device"), from.device, from.name, most_listed));
    wire::json::array items;
    for (const auto& one : found) {
        items.push_back(described(one));
    }
    wire::json::object out{{"files", std::move(items)}};
    if (found.size() == most_listed) {
        out["next"] = found.back().device + "/" + found.back().name;
    }
    return json(out);
}

void file_service::read(const net::http_request& request, const net::http_responder& respond) {
    const hub::blob_name name{param(request, "id"), param(request, "rest")};
    const auto known = [&]() -> result<store::kept_file> {
        BERTH_CHECK(hub::check_blob_name(name));
        BERTH_TRY(found, files_.records().find(name.device, name.name));
        if (!found) {
            return fail(not_there());
        }
        return std::move(*found);
    }();
    if (!known) {
        return tell_kept("get", respond, fail(known.error()));
    }
    const auto range = request.headers.get("Range");
    const auto part = range.empty() ? std::pair<uint64_t, uint64_t>(0, known->octets)
                                    : parse_range(range, known->octets).value_or(std::pair<uint64_t, uint64_t>(1, 0));
    if (part.first > 0 && part.second == 0) {
        auto out = response_of(hub::failure({error_category::usage, "bad_range", "the file has no such range"}));
        out.status = 416;
        out.headers.add("Content-Range", fmt::format("bytes */{}", known->octets));
        return tell("get", respond, std::move(out));
    }
    if (part.second > most_read) {
        return tell_kept(
            "get", respond,
            fail(error_category::usage, "too_large",
                 fmt::format("one answer has up to {} octets: ask for ranges (Range: bytes=0-{})", most_read, most_read - 1)));
    }
    files_.read(*known, part.first, part.second,
                [this, respond, part, ranged = !range.empty(), file = *known](result<std::string> had) {
                    if (!had) {
                        return tell("get", respond, fail(had.error()));
                    }
                    net::http_response out{ranged ? 206U : 200U, {}, std::move(*had)};
                    out.headers.add("Content-Type", file.type.empty() ? "application/octet-stream" : file.type);
                    // Whatever a device says that it is, no browser is to take it for a page of the hub's.
                    out.headers.add("Content-Disposition", "attachment");
                    out.headers.add("X-Content-Type-Options", "nosniff");
                    out.headers.add("Accept-Ranges", "bytes");
                    out.headers.add("Cache-Control", "no-store");
                    if (ranged) {
                        out.headers.add("Content-Range",
                                        fmt::format("bytes {}-{}/{}", part.first, part.first + part.second - 1, file.octets));
                    }
                    tell("get", respond, std::move(out));
                });
}

}  // namespace berth::app

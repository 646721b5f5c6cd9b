#include "hub_server/blob_service.h"

#include "base/log.h"
#include "crypto/md5.h"
#include "hub_server/file_service.h"
#include "refusals.h"
#include "wire/base64.h"

#include <algorithm>
#include <charconv>
#include <ctime>

namespace berth::app {

namespace {

constexpr size_t most_type = 256;
constexpr const char* xml_type = "application/xml";

struct told {
    std::string_view name;
    unsigned status;
    const char* code;
};
// Codes are the storage service's where it has one: its SDKs know by them what is worth asking again.
constexpr std::array known{
    told{"no_token", 403, "AuthenticationFailed"},
    told{"bad_token", 403, "AuthenticationFailed"},
    told{"token_expired", 403, "AuthenticationFailed"},
    told{"use_not_allowed", 403, "AuthorizationPermissionMismatch"},
    told{"upload_closed", 403, "AuthenticationFailed"},
    told{"login_over", 403, "AuthenticationFailed"},
    told{"policy_closed", 403, "AuthenticationFailed"},
    told{"bad_blob_name", 400, "InvalidUri"},
    told{"bad_block_id", 400, "InvalidQueryParameterValue"},
    told{"bad_parameter", 400, "InvalidQueryParameterValue"},
    told{"bad_header", 400, "InvalidHeaderValue"},
    told{"bad_block_list", 400, "InvalidXmlDocument"},
    told{"unknown_block", 400, "InvalidBlockList"},
    told{"md5_mismatch", 400, "Md5Mismatch"},
    told{"crc64_mismatch", 400, "Crc64Mismatch"},
    told{"file_too_large", 413, "RequestBodyTooLarge"},
    told{"too_many_blocks", 413, "BlockCountExceedsLimit"},
    told{"device_quota_full", 413, "DeviceQuotaExceeded"},
    told{"hub_quota_full", 413, "HubQuotaExceeded"},
    told{"file_exists", 409, "BlobAlreadyExists"},
    told{"upload_busy", 409, "OperationInProgress"},
    told{"unknown_file", 404, "BlobNotFound"},
    told{"bad_range", 416, "InvalidRange"},
    told{"method_not_allowed", 405, "UnsupportedHttpVerb"},
    told{"not_implemented", 501, "NotImplemented"},
    told{"disk_full", 507, "InsufficientStorage"},
    told{"too_busy", 503, "ServerBusy"},
    told{"read_too_fast", 503, "ServerBusy"},
    told{"store_unreachable", 503, "ServerBusy"},
    told{"store_refused", 503, "ServerBusy"},
    told{"store_refused_file", 400, "InvalidInput"},
};

told judged(const error& e) {
    if (const auto* const found = std::ranges::find(known, std::string_view(e.name), &told::name); found != known.end()) {
        return *found;
    }
    return {e.name, e.category == error_category::environment ? 503U : 500U, "InternalError"};
}

bool is_refusal(const error& e) {
    return judged(e).status == 403;
}

net::http_response answered(unsigned status) {
    net::http_response out{status, {}, {}};
    out.headers.add("x-ms-version", "2018-03-28");
    out.headers.add("Cache-Control", "no-store");
    return out;
}

net::http_response failure(const error& e) {
    const auto what = judged(e);
    auto out = answered(what.status);
    // Who may not is not told why.
    out.body = hub::storage_error_xml(what.code, is_refusal(e) ? "The signed query does not open this." : e.message);
    out.headers.add("Content-Type", xml_type);
    out.headers.add("x-ms-error-code", what.code);
    if (what.status == 503) {
        out.headers.add("Retry-After", "2");
    }
    return out;
}

tl::unexpected<error> refuse(const char* name, std::string why) {
    return fail(error_category::usage, name, std::move(why));
}

std::string query(const net::http_request& request, const char* name) {
    const auto found = request.query.find(name);
    return found != request.query.end() ? found->second : std::string();
}

// RFC 9110 5.6.7, IMF-fixdate.
std::string http_date(unix_seconds time) {
    const std::time_t seconds = time;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 40> out{};
    // In the C locale, which is a daemon's.
    const size_t size = std::strftime(out.data(), out.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return {out.data(), size};
}

void add_facts(net::http_response& to, const store::kept_file& file) {
    to.headers.add("ETag", fmt::format("\"{:x}-{:x}\"", file.made, file.version));
    to.headers.add("Last-Modified", http_date(file.made));
}

// What it is said to be, later, to whoever reads it.
result<std::string> type_of(const net::http_request& request) {
    std::string out(request.headers.get("x-ms-blob-content-type"));
    const bool good = std::ranges::all_of(out, [](char c) { return c >= 0x20 && c < 0x7f; });
    if (out.size() > most_type || !good) {
        return refuse("bad_header", "x-ms-blob-content-type is no media type.");
    }
    return out;
}

file_desk::sums sums_of(const net::http_request& request) {
    return {std::string(request.headers.get("Content-MD5")), std::string(request.headers.get("x-ms-content-crc64"))};
}

// Conditions that would not be looked at are refused: whoever sets one relies on it.
result<void> check_conditions(const net::http_request& request, file_desk& files, const hub::blob_name& name) {
    for (const char* const one : {"If-Match", "If-Modified-Since", "If-Unmodified-Since", "x-ms-if-tags", "x-ms-lease-id"}) {
        if (request.headers.has(one)) {
            return refuse("not_implemented", fmt::format("{} is not taken here.", one));
        }
    }
    const auto none = request.headers.get("If-None-Match");
    if (none.empty()) {
        return {};
    }
    if (none != "*") {
        return refuse("not_implemented", "If-None-Match is taken with * alone.");
    }
    BERTH_TRY(there, files.records().find(name.device, name.name));
    return there ? refuse("file_exists", "There is a file of this name.") : result<void>();
}

}  // namespace

blob_service::blob_service(file_desk& files, login_desk& logins, ops::metric_registry& metrics)
    : files_(files),
      logins_(logins),
      outcomes_(metrics.counters("berth_hub_files_total", "What was asked about files of devices, and what came of it",
                                 {"operation", "outcome"})),
      octets_(metrics.counters("berth_hub_file_octets_total", "Octets of files that devices have put").plain()) {}

std::vector<hub_service::mount> blob_service::mounts() const {
    return {{"/" + files_.config().container + "/{rest...}", hub::most_block, true}};
}

result<registry::identity> blob_service::admit(const net::http_request& request, const hub::blob_name& name) {
    const bool reads = request.method == "GET" || request.method == "HEAD";
    BERTH_TRY(holder, files_.admit(name, request.query, reads ? hub::blob_use::read : hub::blob_use::write));
    const auto by = hub::parse_kept_login(holder.login);
    if (!by) {
        return fail(error_category::peer, "login_over", "Nobody knows by what its device was let in: it asks for another token.");
    }
    if (const auto still = logins_.judge_kept(name.device, *by); !still.in) {
        return fail(
            error_category::peer, "login_over",
            fmt::format("By what its device was let in it would be no longer ({}): {}", to_string(still.refusal), still.why));
    }
    if (!logins_.gate().opens(holder.who.settings.group, registry::operation::file_upload)) {
        return fail(error_category::peer, "policy_closed", "The policy of its group withholds file-upload.");
    }
    return std::move(holder.who);
}

std::function<void(result<net::http_response>)> blob_service::teller(const net::http_request& request,
                                                                     const net::http_responder& respond) {
    const auto comp = query(request, "comp");
    const bool reads = request.method == "GET" || request.method == "HEAD";
    const char* const operation = comp == "block"       ? "put_block"
                                  : comp == "blocklist" ? (reads ? "get_blocks" : "put_list")
                                                        : (reads ? "get_blob" : "put_blob");
    return [this, operation, respond](result<net::http_response> what) {
        outcomes_.with({operation, what ? "ok" : what.error().name}).add();
        if (!what && what.error().category == error_category::environment) {
            log::failure("files_failed", what.error(), {{"party", "hub"}, {"operation", operation}});
        }
        respond(what ? std::move(*what) : failure(what.error()));
    };
}

result<blob_service::opened> blob_service::open(const net::http_request& request) {
    const auto rest = request.params.find("rest");
    BERTH_TRY(name, hub::parse_blob_name(rest != request.params.end() ? rest->second : ""));
    auto who = admit(request, name);
    if (!who) {
        if (is_refusal(who.error())) {
            tell_refusal("file_refused", who.error().message,
                         {{"party", "hub"},
                          {"peer", request.peer->address},
                          {"reason", who.error().name},
                          {"method", request.method},
                          {"file", name.text()}});
        }
        return fail(who.error());
    }
    return opened{std::move(name), std::move(*who)};
}

void blob_service::judge_head(const net::http_request& head, const net::http_responder& respond) {
    const auto tell = teller(head, respond);
    const auto one = open(head);
    if (!one) {
        return tell(fail(one.error()));
    }
    const auto comp = query(head, "comp");
    const bool whole = comp.empty();
    if (head.method == "PUT" && (whole || comp == "block")) {
        // Without a length it is found out when it is there.
        uint64_t octets = 0;
        const auto said = head.headers.get("Content-Length");
        std::from_chars(said.data(), said.data() + said.size(), octets);
        if (const auto fits = files_.check_fits(one->who, one->name, octets, whole); !fits) {
            return tell(fail(fits.error()));
        }
    }
    respond(net::http_response::empty(100));
}

void blob_service::serve(const net::http_request& request, const net::http_responder& respond) {
    const auto tell = teller(request, respond);
    auto one = open(request);
    if (!one) {
        return tell(fail(one.error()));
    }
    const auto comp = query(request, "comp");
    const bool reads = request.method == "GET" || request.method == "HEAD";
    const asked a{request, std::move(one->who), std::move(one->name), tell};
    if (request.method == "PUT") {
        return comp == "block"       ? put_block(a)
               : comp == "blocklist" ? put_list(a)
               : comp.empty()        ? put_whole(a)
                                     : tell(refuse("not_implemented", "comp is block or blocklist."));
    }
    if (!reads) {
        return tell(refuse("method_not_allowed", "Files are put and read here."));
    }
    if (comp.empty()) {
        return read(a);
    }
    tell(comp == "blocklist" ? told_blocks(files_.blocks_of(a.who, a.name))
                             : refuse("not_implemented", "comp is blocklist, or is not said."));
}

void blob_service::put_block(const asked& a) {
    auto id = hub::parse_block_id(query(a.request, "blockid"));
    if (!id) {
        return a.tell(fail(id.error()));
    }
    if (a.request.body.empty()) {
        return a.tell(refuse("bad_header", "A block has an octet at least."));
    }
    files_.put_block(a.who, a.name, std::move(*id), a.request.body, sums_of(a.request),
                     [tell = a.tell, octets = octets_, size = a.request.body.size()](const result<void>& how) {
                         if (!how) {
                             return tell(fail(how.error()));
                         }
                         octets.add(static_cast<double>(size));
                         tell(answered(201));
                     });
}

void blob_service::put_list(const asked& a) {
    struct wanted {
        std::vector<bytes> ids;
        std::string type;
    };
    auto read = [&]() -> result<wanted> {
        const auto by = sums_of(a.request);
        const auto md5 = by.md5.empty() ? std::nullopt : crypto::md5(as_bytes(a.request.body));
        if (!by.md5.empty() && (!md5 || wire::base64(*md5) != by.md5)) {
            return fail(error_category::peer, "md5_mismatch", "The list has another MD5 than Content-MD5 says.");
        }
        BERTH_CHECK(check_conditions(a.request, files_, a.name));
        BERTH_TRY(type, type_of(a.request));
        BERTH_TRY(ids, hub::parse_block_list(a.request.body));
        return wanted{std::move(ids), std::move(type)};
    }();
    if (!read) {
        return a.tell(fail(read.error()));
    }
    files_.put_list(a.who, a.name, std::move(read->ids), read->type, [tell = a.tell](const result<store::kept_file>& how) {
        if (!how) {
            return tell(fail(how.error()));
        }
        auto out = answered(201);
        add_facts(out, *how);
        tell(std::move(out));
    });
}

void blob_service::put_whole(const asked& a) {
    const auto type = type_of(a.request);
    if (!type) {
        return a.tell(fail(type.error()));
    }
    if (a.request.headers.get("x-ms-blob-type") != "BlockBlob") {
        return a.tell(refuse("bad_header", "x-ms-blob-type is BlockBlob."));
    }
    if (const auto meets = check_conditions(a.request, files_, a.name); !meets) {
        return a.tell(fail(meets.error()));
    }
    files_.put_whole(a.who, a.name, a.request.body, sums_of(a.request), *type,
                     [tell = a.tell, octets = octets_](const result<store::kept_file>& how) {
                         if (!how) {
                             return tell(fail(how.error()));
                         }
                         octets.add(static_cast<double>(how->octets));
                         auto out = answered(201);
                         add_facts(out, *how);
                         tell(std::move(out));
                     });
}

result<net::http_response> blob_service::told_blocks(const std::vector<hub::put_block>& blocks) {
    auto out = answered(200);
    out.body = hub::block_list_xml(blocks);
    out.headers.add("Content-Type", xml_type);
    return out;
}

void blob_service::read(const asked& a) {
    const auto found = files_.find_own(a.who, a.name.name);
    if (!found || !*found) {
        return a.tell(!found ? fail(found.error()) : refuse("unknown_file", "There is no such file."));
    }
    const auto& file = **found;
    auto out = answered(200);
    add_facts(out, file);
    out.headers.add("Content-Type", file.type.empty() ? "application/octet-stream" : file.type);
    out.headers.add("Content-Disposition", "attachment");
    out.headers.add("X-Content-Type-Options", "nosniff");
    out.headers.add("Accept-Ranges", "bytes");
    out.headers.add("x-ms-blob-type", "BlockBlob");
    if (a.request.method == "HEAD") {
        out.headers.add("Content-Length", std::to_string(file.octets));
        return a.tell(std::move(out));
    }
    auto range = a.request.headers.get("x-ms-range");
    range = range.empty() ? a.request.headers.get("Range") : range;
    const auto part =
        range.empty() ? std::optional(std::pair<uint64_t, uint64_t>(0, file.octets)) : parse_range(range, file.octets);
    if (!part) {
        return a.tell(refuse("bad_range", "The file has no such range."));
    }
    if (part->second > hub::most_block) {
        return a.tell(refuse("file_too_large", fmt::format("One answer has up to {} octets: ask for ranges.", hub::most_block)));
    }
    if (const auto in_time = files_.charge_read(a.name.device, part->second); !in_time) {
        return a.tell(fail(in_time.error()));
    }
    if (!range.empty()) {
        out.status = 206;
        out.headers.add("Content-Range", fmt::format("bytes {}-{}/{}", part->first, part->first + part->second - 1, file.octets));
    }
    files_.read(file, part->first, part->second, [tell = a.tell, out](result<std::string> had) mutable {
        if (!had) {
            return tell(fail(had.error()));
        }
        out.body = std::move(*had);
        tell(std::move(out));
    });
}

}  // namespace berth::app

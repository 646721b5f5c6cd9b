#include "hub/admin/message.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace berth::hub {

namespace {

namespace json = wire::json;

constexpr std::string_view json_type = "application/json; charset=utf-8";

struct known_error {
    std::string_view name;
    unsigned status;
    std::string_view code;
};
// The service's codes are listed in its public interface description, and what SDKs of back ends make of the statuses in theirs.
constexpr std::array known{
    known_error{"unauthorized", 401, "IotHubUnauthorizedAccess"},
    known_error{"unknown_identity", 404, "DeviceNotFound"},
    known_error{"identity_exists", 409, "DeviceAlreadyExists"},
    known_error{"etag_mismatch", 412, "PreconditionFailed"},
    known_error{"too_many_modules", 413, "TooManyModulesOnDevice"},
    known_error{"too_large", 413, "GenericRequestEntityTooLarge"},
    known_error{"named_twice", 400, "DeviceDefinedMultipleTimes"},
    known_error{"unsupported", 400, "FeatureNotSupported"},
    known_error{"unsupported_media_type", 415, "GenericUnsupportedMediaType"},
    known_error{"not_found", 404, "GenericNotFound"},
    known_error{"method_not_allowed", 405, "GenericMethodNotAllowed"},
    known_error{"not_implemented", 501, "FeatureNotSupported"},
    known_error{"unknown_ca", 404, "CertificateNotFound"},
    known_error{"ca_exists", 409, "CertificateAuthorityConflict"},
    known_error{"ca_name_taken", 409, "CertificateAuthorityConflict"},
    known_error{"already_verified", 409, "CertificateAuthorityConflict"},
    known_error{"not_verified", 409, "CertificateAuthorityConflict"},
    known_error{"would_cut_off", 409, "CertificateAuthorityConflict"},
    known_error{"would_forget_lists", 409, "CertificateAuthorityConflict"},
    known_error{"ca_enrolled", 409, "CertificateAuthorityConflict"},
    known_error{"device_not_online", 404, "DeviceNotOnline"},
    known_error{"operation_closed", 403, "OperationNotAllowed"},
    known_error{"too_many_calls", 429, "ThrottlingException"},
    known_error{"bad_method_answer", 502, "InvalidResponseFromDevice"},
    known_error{"method_timeout", 504, "GatewayTimeout"},
    known_error{"queue_full", 403, "DeviceMaximumQueueDepthExceeded"},
    known_error{"message_lock_lost", 412, "DeviceMessageLockLost"},
    known_error{"device_quota_full", 403, "IotHubQuotaExceeded"},
    known_error{"hub_quota_full", 403, "IotHubQuotaExceeded"},
    known_error{"too_many_uploads", 403, "ThrottlingMaxActiveFileUploadCountExceeded"},
    known_error{"upload_busy", 409, "GenericConflict"},
    known_error{"unknown_upload", 404, "GenericNotFound"},
    known_error{"unknown_file", 404, "GenericNotFound"},
    known_error{"store_busy", 503, "ServerBusy"},
};

known_error judged(const error& e) {
    if (const auto* const found = std::ranges::find(known, std::string_view(e.name), &known_error::name); found != known.end()) {
        return *found;
    }
    switch (e.category) {
    case error_category::environment: return {e.name, 503, "ServiceUnavailable"};
    case error_category::internal: return {e.name, 500, "ServerError"};
    default: return {e.name, 400, "ArgumentInvalid"};
    }
}

bool is_module(const error& e) {
    const auto name = std::ranges::find(e.params, "name", &std::pair<std::string, std::string>::first);
    return name != e.params.end() && name->second.find('/') != std::string::npos;
}

// SDKs take what stands before the first semicolon for the code, and what stands up to the second one for the sentence.
std::string without_semicolons(std::string text) {
    std::ranges::replace(text, ';', ',');
    return text;
}

// Paths may have any octets, and errors quote from them.
std::string as_utf8(std::string text) {
    if (!wire::parse_json(wire::to_text(json::value(text)))) {
        std::ranges::replace_if(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
    }
    return text;
}

}  // namespace

api_answer api_answer::json(unsigned status, const json::value& value) {
    return {status, {}, std::string(json_type), wire::to_text(value)};
}

std::string_view error_code(const error& e) {
    const auto code = judged(e).code;
    if (is_module(e)) {
        return code == "DeviceNotFound" ? "ModuleNotFound" : code == "DeviceAlreadyExists" ? "ModuleAlreadyExistsOnDevice" : code;
    }
    return code;
}

unsigned status_of(const error& e) {
    return judged(e).status;
}

api_answer failure(const error& e) {
    // What is wrong on this side is for its operator, who has it in the log.
    const bool ours = e.category == error_category::environment || e.category == error_category::internal;
    const std::string sentence = ours ? "The hub cannot do this now. Try again later." : as_utf8(e.message);
    json::object params;
    if (!ours) {
        for (const auto& [key, value] : e.params) {
            params[key] = as_utf8(value);
        }
    }
    const std::string_view code = error_code(e);
    json::object body;
    body["Message"] = fmt::format("ErrorCode:{};{}", code, without_semicolons(sentence));
    body["ExceptionMessage"] = "";
    body["error"] = json::object{
        {"name", e.name}, {"category", std::string(to_string(e.category))}, {"message", sentence}, {"params", std::move(params)}};
    auto out = api_answer::json(status_of(e), body);
    out.headers.emplace_back("iothub-errorcode", std::string(code));
    if (out.status == 503) {
        out.headers.emplace_back("Retry-After", "5");
    }
    return out;
}

api_answer unauthorized() {
    auto out = failure({error_category::peer, "unauthorized",
                        "Show the certificate of an administrator, or a shared access signature of a policy that allows this."});
    // RFC 9110 15.5.2: "The server generating a 401 response MUST send a WWW-Authenticate header field".
    out.headers.emplace_back("WWW-Authenticate", "SharedAccessSignature");
    return out;
}

}  // namespace berth::hub

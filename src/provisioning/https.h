// The provisioning service over HTTPS, as device SDKs use it:
//
//   PUT  /SCOPE/registrations/ID/register          202 {"operationId", "status": "assigning"}, Retry-After
//   GET  /SCOPE/registrations/ID/operations/OP     200 {"operationId", "status", "registrationState"}
//   POST /SCOPE/registrations/ID                   200 the registrationState
//
// Any api-version of the query is taken.
#pragma once

#include "provisioning/service.h"

namespace berth::provisioning {

struct https_request {
    std::string method;
    std::string path;  // without the query, still percent-encoded
    std::string body;
};

// Content type of each answer.
inline constexpr std::string_view json_content = "application/json; charset=utf-8";

// Whether a path is one of this service's, whatever the method.
bool is_provisioning_path(std::string_view path);
// `who` without its scope, which the path says. Never without a body; retry_after goes into Retry-After.
answer answer_https(service& to, caller who, const https_request& request, unix_seconds now);

}  // namespace berth::provisioning

// What operators ask over the service API, as the SDKs for back ends do; whoever has the HTTP server sees to who may.
//
//   PUT GET DELETE  /enrollments/ID  /enrollmentGroups/ID
//   POST            /enrollments/query  /enrollmentGroups/query      a page of all of them
//   GET DELETE      /registrations/ID
//   POST            /registrations/ID/query                          those of a group
#pragma once

#include "provisioning/answer.h"
#include "registry/hub/hub_registry.h"
#include "registry/provisioning/provisioning_registry.h"

namespace berth::provisioning {

struct api_request {
    std::string method;
    std::string path;  // without the query, still percent-encoded
    std::string if_match;
    std::string body;
    size_t most = 0;           // x-ms-max-item-count; 0: as many as a page has
    std::string continuation;  // x-ms-continuation
};

struct api_answer {
    unsigned status = 200;
    wire::json::value body;    // null: none (204)
    std::string etag;          // for ETag
    std::string continuation;  // for x-ms-continuation; empty: there is no more
};

bool is_service_path(std::string_view path);
api_answer answer_service_api(const api_request& request, registry::hub_registry& hub, registry::provisioning_registry& records,
                              random_source& random, unix_seconds now);

}  // namespace berth::provisioning

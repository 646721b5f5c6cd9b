// Requests to the hub's API and their answers, whatever they come over.
#pragma once

#include "base/result.h"
#include "wire/json.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace berth::hub {

struct api_request {
    std::string method = "GET";
    std::string path = "/";                    // percent-encoded, without the query
    std::map<std::string, std::string> query;  // decoded
    std::optional<std::string> if_match, if_none_match;
    std::string content_type;  // the media type, in lower case
    std::string_view body;
    std::vector<std::pair<std::string, std::string>> fields = {};  // those that are of a message to a device
};

struct api_answer {
    unsigned status = 200;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string type;  // of the body; empty: there is none
    std::string body;

    static api_answer json(unsigned status, const wire::json::value& value);
    static api_answer empty() { return {204, {}, {}, {}}; }
};

// An answer that tells of failure. The body is that of the service whose SDKs work against us unchanged, and has our own error
// besides: {"Message":"ErrorCode:DeviceNotFound;...","ExceptionMessage":"","error":{...}}.
api_answer failure(const error& e);
// The service's word for an error: "DeviceNotFound".
std::string_view error_code(const error& e);
unsigned status_of(const error& e);
// What whoever is refused is told: nothing of why.
api_answer unauthorized();

}  // namespace berth::hub

// The error that a program of ours told over HTTP, as it stood on its side.
#pragma once

#include "net/http.h"

namespace berth::net {

// Of {"error":{"name":...,"category":...,"message":...,"params":{...}}}. Where it says no such thing: `malformed` (peer), which
// names `who` and the status.
error refusal_of(const http_response& response, std::string_view who);

}  // namespace berth::net

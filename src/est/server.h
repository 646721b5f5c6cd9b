// An EST server's judgement of one HTTP request: who may ask, what is asked, what is answered. No I/O, no state: what must be
// remembered the authority remembers.
#pragma once

#include "est/authority.h"
#include "est/body.h"

namespace berth::est {

struct answer {
    http_response response;
    // What was asked, as far as it was understood.
    std::optional<target> asked;
    // Why it was refused or failed, in full: for the operator's log, not for the requester.
    std::optional<error> why;
    // What was issued, for records and metrics.
    std::optional<pki::certificate> certificate;
};

// Authorised is judged before anything of the request but its method and path is looked at.
answer serve(authority& by, const http_request& request, const requester& who, const channel& over);

// The HTTP status of a refusal: its parameter "status", else by its name, else by its category.
unsigned status_of(const error& e);

}  // namespace berth::est

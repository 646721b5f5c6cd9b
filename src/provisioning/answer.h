// What the provisioning service says to whoever asked, whichever way it came: a status as in HTTP, and a body that is never empty
// (SDKs of devices read JSON of whatever arrives).
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "wire/json.h"

#include <optional>

namespace berth::provisioning {

// The numbers that SDKs and their users know, and others of the same pattern: the status, then three digits.
enum class error_code : uint32_t {
    bad_request = 400'001,
    bad_csr = 400'040,
    allocation_failed = 400'207,
    not_supported = 400'501,
    not_authorised = 401'002,  // no enrolment for what was shown; the peer is not told which half of it was wrong
    nothing_there = 404'001,   // no such address
    no_enrolment = 404'201,    // service API
    no_registration = 404'204,
    no_operation = 404'205,  // unknown, of another device or forgotten: register again
    no_linked_hub = 404'206,
    method_not_known = 405'001,
    exists = 409'201,                // service API
    registered_otherwise = 409'203,  // another device is registered under this id, or the identity at the hub is another's
    etag_mismatch = 412'001,
    too_many_requests = 429'001,
    internal = 500'001,
};
constexpr unsigned status_of(error_code c) {
    return static_cast<unsigned>(c) / 1000;
}

struct answer {
    unsigned status = 200;
    std::optional<unsigned> retry_after;  // seconds
    wire::json::object body;

    [[nodiscard]] std::string text() const { return wire::to_text(body); }
};

// {"errorCode", "trackingId", "message", "timestampUtc"}. The tracking id is drawn: logs have it, too.
answer refusal(error_code code, std::string message, random_source& random, unix_seconds now);

}  // namespace berth::provisioning

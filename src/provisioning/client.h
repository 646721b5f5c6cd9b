// A device's side of the provisioning service over HTTPS: asks where it belongs, comes again when it is told to, and is told.
// What the requests go over is the caller's.
//
//   PUT  /SCOPE/registrations/ID/register          -> 202 {"operationId", "status": "assigning"}, Retry-After
//   GET  /SCOPE/registrations/ID/operations/OP     -> 200 {"status": "assigned", "registrationState": {"assignedHub",
//   "deviceId"}}
#pragma once

#include "base/clock.h"
#include "wire/json.h"

#include <optional>
#include <variant>

namespace berth::provisioning {

inline constexpr unsigned longest_retry_after = 3'600;  // seconds; a service that says more is asked after that

class registration_dialogue {
public:
    struct request {
        std::string method, target, body;
        unsigned after = 0;  // seconds from now
    };
    struct placement {
        std::string hub;  // "host" or "host:port"
        std::string device_id;
        wire::json::object state;  // all of registrationState
    };
    // `payload`: what the service's webhook is told besides; empty: nothing.
    registration_dialogue(std::string scope, std::string registration_id, wire::json::object payload = {});

    [[nodiscard]] request first() const;
    // The answer to the last request. Errors: `provisioning_refused` (peer), params "status" and "code": not enrolled, disabled,
    // or what was asked is wrong; `provisioning_failed` (peer): it could not be placed; `bad_answer` (peer): no such service's.
    result<std::variant<request, placement>> answered(unsigned status, std::string_view body,
                                                      std::optional<unsigned> retry_after);

private:
    [[nodiscard]] std::string path() const;
    [[nodiscard]] request status_request(unsigned after) const;

    std::string scope_, id_;
    wire::json::object payload_;
    std::string operation_;  // empty: not begun
    static constexpr unsigned usual_pause = 2, most_questions = 100;
    unsigned questions_ = 0;
};

}  // namespace berth::provisioning

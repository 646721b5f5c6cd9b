// The custom allocation policy: an operator's own program is asked over HTTPS which hub it shall be. Whoever runs the service
// sends the request and gives the answer back.
#pragma once

#include "provisioning/match.h"
#include "provisioning/settlement.h"
#include "wire/json.h"

namespace berth::provisioning {

inline constexpr size_t most_webhook_answer = 64 * 1024;
// Of its payload, as JSON without spaces: with what else a device is told it has to fit into one message of a broker
// (hub::most_carried_payload).
inline constexpr size_t most_webhook_payload = 32 * 1024;

// A wish of the service.
struct webhook_wish {
    std::string operation;  // to be given back with the answer
    std::string url;        // to POST to, with Content-Type application/json
    std::string body;
};

struct webhook_choice {
    std::string hub;
    initial_twin twin;
    std::string payload;  // for the device: JSON; empty: none
};

// {"deviceRuntimeContext", "linkedHubs", "individualEnrollment" or "enrollmentGroup"}
std::string webhook_request(const matched& who, const caller& from, const wire::json::value& payload,
                            const std::optional<registry::registration>& before, std::span<const registry::linked_hub> hubs);
// {"iotHubHostName", "initialTwin", "payload"}. Errors (peer) `bad_webhook_answer`: another status than 200, no such JSON, a
// hub that is none of `hubs`, or a payload that is too large; `unsupported`: desired properties.
result<webhook_choice> read_webhook_answer(unsigned status, std::string_view body, std::span<const registry::linked_hub> hubs);

}  // namespace berth::provisioning

// An identity as the registry's REST API tells and takes it: the JSON of the service whose SDKs work against us unchanged, and
// one member of ours, "berth": {"group", "tags", "certificateEpoch", "createdTime"}.
#pragma once

#include "registry/hub/identity.h"
#include "wire/json.h"

namespace berth::registry {

// What is known of its session, for to_json.
struct connection_facts {
    bool connected = false;
    unix_seconds changed = 0;
    uint64_t messages_waiting = 0;  // cloud to device
};

wire::json::object to_json(const identity& i, const connection_facts& connection = {});

// What a request asks for. Members that only the registry writes are read and not kept (SDKs send back what they were told);
// an unknown one is refused, so that nothing is dropped in silence. What is not given is as in `before`, which for a new one is
// its default.
// Errors: `bad_identity`, param "member"; `name_mismatch` when deviceId or moduleId is not `name`'s; `shared_keys_refused` for
// a symmetric key. `unsupported` (category incompatible) for IoT Edge and nested devices.
result<identity_settings> settings_from_json(const wire::json::object& body, const identity_name& name,
                                             const identity_settings& before = {});

// SHA-256 as 64 hexadecimal digits, colons allowed. Errors `bad_identity`; for the 40 of SHA-1 it says what to give instead.
result<thumbprint> thumbprint_from_text(std::string_view text);

}  // namespace berth::registry

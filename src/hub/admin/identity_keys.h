// Shared keys in the JSON of devices and modules, where the hub takes them (hub_settings): given or drawn by PUT, told by its
// answer and by GET of one, to callers who may write. The service that SDKs know tells them to whoever may read the registry:
// whoever reads a key is the device, so that right does not do here. They are in no list, no bulk request and no import.
#pragma once

#include "hub/admin/routes.h"
#include "registry/hub/shared_keys.h"

namespace berth::hub {

// What a request says about keys.
struct key_wish {
    bool by_key = false;  // "type" is "sas", or stays so
    std::optional<secret_bytes> primary, secondary;
};

// Takes keys out of `body`, where the hub lets this one log in by key; elsewhere the body stays as it is, and
// registry::settings_from_json refuses what there is to refuse. `before` becomes what that is to go on from. Errors (usage)
// `bad_shared_key`, `bad_identity`.
result<key_wish> take_key_wish(const registry::hub_settings& hub, const registry::identity_name& name, wire::json::object& body,
                               registry::identity_settings& before);

// Gives it the keys that were asked for: those that were given, those that it has, and drawn ones for the rest. As it is then.
result<registry::identity> grant_keys(const api_context& c, const registry::identity& who, const key_wish& wish);

// Into the JSON of one, if whoever asks may be told.
result<void> tell_keys(const api_context& c, const registry::identity& who, wire::json::object& told);

}  // namespace berth::hub

// One life-cycle event as JSON: what `berth hub events --json` prints a line each, and sinks are told.
#pragma once

#include "registry/hub/hub_registry.h"
#include "wire/json.h"

namespace berth::registry {

// {"number", "time", "event", "deviceId", "moduleId" ("": of the device), "generationId"}; of those that made or deleted one also
// "opType", as Azure's hub calls them: createDeviceIdentity, deleteDeviceIdentity, createModuleIdentity, deleteModuleIdentity.
wire::json::object to_json(const identity_event& e);

}  // namespace berth::registry

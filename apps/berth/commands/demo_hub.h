// The demonstration's chapter of the hub: a CA of devices that has proved to have its key, a device that asks where it belongs
// and goes there, and one that is disabled while it is connected.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "scene/world.h"

#include <filesystem>
#include <functional>
#include <string>

namespace berth::app {

struct hub_scene {
    bool placed = false;      // dev-3, which the registry did not know, was told its hub and has published there
    bool cut = false;         // dev-1 was disabled while connected, and its session ended
    milliseconds cut_ms = 0;  // from the registry's commit to the end of the connection
    bool stays_out = false;   // it was refused when it came again
    std::string mqtt, provisioning;
    std::optional<bool> sdk;                      // dev-2 has published by Azure's SDK; nothing: that is not installed
    std::optional<wire::json::object> onboarded;  // what the onboarded device reported of itself; nothing: it did not come
};
// A device that was onboarded by a customer, and is to go on.
struct hub_visitor {
    std::filesystem::path bundle;
    std::string name;
    const world_customer& customer;
};
// In `directory`, which it makes. `interrupted`: give up. Errors of hub_world::make; `program_missing`: Mosquitto's clients.
result<hub_scene> show_hub(const std::filesystem::path& directory, const hub_visitor& visitor,
                           const std::function<bool()>& interrupted);

}  // namespace berth::app

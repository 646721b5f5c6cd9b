// The demonstration's chapter of the hub: a CA of devices that has proved to have its key, a device that asks where it belongs
// and goes there, and one that is disabled while it is connected.
#pragma once

#include "base/clock.h"
#include "base/result.h"

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
};
// In `directory`, which it makes. `interrupted`: give up. Errors of hub_world::make; `program_missing`: Mosquitto's clients.
result<hub_scene> show_hub(const std::filesystem::path& directory, const std::function<bool()>& interrupted);

}  // namespace berth::app

// Who comes to the demonstration's hub besides: a device by Azure's SDK, and one that has been onboarded.
#pragma once

#include "scene/hub_world.h"
#include "scene/world.h"

#include <functional>

namespace berth::app {

// Until it has ended, for `most` at the longest: how it ended, -1 if it did not, and all that it has said.
std::pair<int, std::string> finish(child_process& child, milliseconds most);

// By npm's azure-iot-device on Node.js, as scripts/bootstrap --with azure installs them: the environment's BERTH_AZURE_DIR says
// where. Nothing: they are not there. Errors of processes.
result<std::optional<bool>> sdk_device_publishes(const hub_world& hub, const hub_world::holder& who,
                                                 const std::filesystem::path& directory);

// The customer's CA is registered at the hub, and his registrar tells the way there to his devices. Errors of the commands.
result<void> welcome_customer(const hub_world& hub, const world_customer& customer, const std::filesystem::path& directory);

// berth-agent of a bundle that is onboarded fetches its configuration and goes on: its twin's `reported.berth`. Nothing: it did
// not get there.
result<std::optional<wire::json::object>> goes_to_its_hub(const hub_world& hub, const std::filesystem::path& bundle,
                                                          const std::string& device, const std::function<bool()>& interrupted);

}  // namespace berth::app

// berth device credentials: what berth-agent keeps for a device by EST.
#pragma once

#include "berth/commands/commands.h"

namespace berth::app {

void add_device_credentials(CLI::App& device, context& c);

}  // namespace berth::app

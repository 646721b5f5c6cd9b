#pragma once

#include "berth/commands/commands.h"

namespace berth::app {

// device lifecycle show | decommission | recommission
void add_device_lifecycle(CLI::App& device, context& c);

}  // namespace berth::app

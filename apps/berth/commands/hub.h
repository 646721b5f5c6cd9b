// What the commands over a hub's registry share.
#pragma once

#include "berth/commands/commands.h"
#include "setup/hub.h"

namespace berth::app {

// A subcommand with its option --hub, which is left in `hub`.
CLI::App* hub_command(CLI::App& group, std::string& hub, const char* name, const char* help);

// init, set, ca, device, events, statistics
void add_hub(CLI::App& cli, context& c);
// ca register, prove, verify, code, crl, list, show, replace, retire, delete
void add_hub_ca(CLI::App& hub, context& c);
// device add, list, show, set, enable, disable, delete, revoke, import; events
void add_hub_devices(CLI::App& hub, context& c);

}  // namespace berth::app

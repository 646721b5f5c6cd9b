// LDevIDs: what the commands of device, ca and factory say of them.
#pragma once

#include "berth/commands/commands.h"
#include "setup/device_ldevid.h"
#include "wire/json.h"

namespace berth::app {

wire::json::object to_json(const ldevid_state& ldevid);
std::string to_text(const ldevid_state& ldevid);

// device ldevid request, install
void add_device_ldevid(CLI::App& device, context& c);
// ca ldevid issue
void add_ca_ldevid(CLI::App& ca, context& c);
void add_factory_ldevid(CLI::App& factory, context& c);

}  // namespace berth::app

// The plugin as a provisioning broker has it (plugin_opt_role provisioning).
#pragma once

#include "base/result.h"
#include "callbacks.h"
#include "gate.h"

namespace berth::app {

struct provisioning_settings {
    std::filesystem::path hub;
    std::string groups;
    hub::name_rule names;
    std::string local_socket;
    std::string service;  // the socket of berthd
};

// Errors of the store, of trust, `broker_too_old`.
result<std::unique_ptr<broker_part>> start_provisioning(mosquitto_plugin_id_t* id, const provisioning_settings& settings);

}  // namespace berth::app

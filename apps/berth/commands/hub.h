// What the commands over a hub's registry share.
#pragma once

#include "berth/commands/commands.h"
#include "registry/hub/certificate_status.h"
#include "setup/hub.h"

namespace berth::app {

// A subcommand with its option --hub, which is left in `hub`.
CLI::App* hub_command(CLI::App& group, std::string& hub, const char* name, const char* help);

// The device or module of that name. Errors `bad_identity_name`; `unknown_identity` (usage), param "name".
result<registry::identity> require_identity(registry::hub_registry& hub, const std::string& name);

// init, set, quickstart, ca, device, twin, message, method, file, sink, telemetry, events, statistics, policy, access-policy,
// enrolment, enrolment-group, linked-hub, registration
void add_hub(CLI::App& cli, context& c);
// ca register, prove, verify, code, crl, list, show, replace, retire, delete
void add_hub_ca(CLI::App& hub, context& c);
// ca ocsp
void add_hub_ca_ocsp(CLI::App& ca, context& c);
wire::json::value ocsp_json(const std::optional<registry::ocsp_rule>& rule);
std::string ocsp_text(const registry::ocsp_rule& rule);
// device add, list, show, set, enable, disable, delete, revoke, import; events
void add_hub_devices(CLI::App& hub, context& c);
// policy set, list, show, delete, explain
void add_hub_groups(CLI::App& hub, context& c);
// quickstart
void add_hub_quickstart(CLI::App& hub, context& c);
// access-policy add, list, show, rotate, delete, token
void add_hub_policies(CLI::App& hub, context& c);
// enrolment and enrolment-group add, list, show, set, delete
void add_hub_enrolments(CLI::App& hub, context& c);
// file list, get, delete
void add_hub_files(CLI::App& hub, context& c);
// twin show, set
void add_hub_twins(CLI::App& hub, context& c);
// method call
void add_hub_methods(CLI::App& hub, context& c);
// sink list, replay; telemetry read
void add_hub_sinks(CLI::App& hub, context& c);
// message send, list, show, purge, feedback
void add_hub_messages(CLI::App& hub, context& c);
// linked-hub add, list, set, delete; registration list, show, delete
void add_hub_linked(CLI::App& hub, context& c);

}  // namespace berth::app

// What the commands over a MASA's records share: customer, ownership, masa log.
#pragma once

#include "berth/commands/commands.h"
#include "setup/masa.h"

namespace berth::app {

// A subcommand with its option --masa, which is left in `masa`.
CLI::App* masa_command(CLI::App& group, std::string& masa, const char* name, const char* help);

void add_customer(CLI::App& cli, context& c);
void add_ownership(CLI::App& cli, context& c);
void add_masa_log(CLI::App& masa, context& c);

}  // namespace berth::app

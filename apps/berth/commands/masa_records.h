// What the commands over a MASA's records share: customer, ownership, masa log.
#pragma once

#include "berth/commands/commands.h"
#include "store/sqlite/masa_store.h"

namespace berth::app {

// The store of a MASA's directory. Error `file_not_found`: there is none.
result<std::unique_ptr<store::sqlite_masa_store>> open_masa_store(const std::string& masa);
// The same for commands that change nothing: neither the store nor its directory need be writable.
result<std::unique_ptr<store::sqlite_masa_store>> read_masa_store(const std::string& masa);

// A subcommand with its option --masa, which is left in `masa`.
CLI::App* masa_command(CLI::App& group, std::string& masa, const char* name, const char* help);

void add_customer(CLI::App& cli, context& c);
void add_ownership(CLI::App& cli, context& c);
void add_masa_log(CLI::App& masa, context& c);

}  // namespace berth::app

#include "berth/commands/masa_records.h"

namespace berth::app {

CLI::App* masa_command(CLI::App& group, std::string& masa, const char* name, const char* help) {
    auto* const cmd = group.add_subcommand(name, help);
    cmd->add_option("--masa", masa, "the MASA's directory")->required();
    return cmd;
}

void add_records(CLI::App& cli, CLI::App& masa, context& c) {
    add_customer(cli, c);
    add_ownership(cli, c);
    add_masa_log(masa, c);
}

}  // namespace berth::app

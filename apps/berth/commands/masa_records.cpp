#include "berth/commands/masa_records.h"

#include "common/files.h"

namespace berth::app {

namespace {

result<std::filesystem::path> store_of(const std::string& masa) {
    return file_in(masa, "masa.db", "a MASA's", "berth masa init");
}

}  // namespace

result<std::unique_ptr<store::sqlite_masa_store>> open_masa_store(const std::string& masa) {
    BERTH_TRY(file, store_of(masa));
    return store::sqlite_masa_store::open(file.string(), store::opening::existing);
}

result<std::unique_ptr<store::sqlite_masa_store>> read_masa_store(const std::string& masa) {
    BERTH_TRY(file, store_of(masa));
    return store::sqlite_masa_store::open(file.string(), store::opening::to_read);
}

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

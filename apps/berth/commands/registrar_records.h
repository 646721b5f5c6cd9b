// What the commands over a registrar's records share.
#pragma once

#include "berth/commands/commands.h"
#include "roles/config.h"
#include "store/sqlite/registrar_store.h"

namespace berth::app {

struct registrar_options {
    std::string dir, maker_root;

    // Both, or the second.
    void add_to(CLI::App& command);
    void add_maker_root(CLI::App& command);
};

result<std::unique_ptr<store::sqlite_registrar_store>> open_store(const std::string& dir);
// For commands that change nothing.
result<std::unique_ptr<store::sqlite_registrar_store>> read_store(const std::string& dir);
// The registrar's configuration, where it lies beside its store. A service's may lie elsewhere: then nothing is known of it.
result<std::optional<registrar_config>> config_of(const std::string& dir);
// The device that a command names: "ROOT/SERIAL", ROOT being the 64 hexadecimal digits of the maker root's hash; SERIAL with
// --maker-root; or SERIAL alone of a device that was seen here. In the first two ways it need not have been. Errors
// `unknown_device`, `ambiguous_serial`, `unknown_device_root`.
result<onboarding::device_identity> device_named(registry::registrar_registry& records, const std::string& text,
                                                 const registrar_options& o);

// decommission, recommission
void add_registrar_life(CLI::App& registrar, context& c);

}  // namespace berth::app

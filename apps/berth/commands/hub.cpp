// berth hub: whose devices may log in.
#include "berth/commands/hub.h"

#include "berth/commands/hub_access.h"

namespace berth::app {

CLI::App* hub_command(CLI::App& group, std::string& hub, const char* name, const char* help) {
    auto* const cmd = group.add_subcommand(name, help);
    cmd->add_option("--hub", hub, "the hub's directory")->required();
    return cmd;
}

result<registry::identity> require_identity(registry::hub_registry& hub, const std::string& text) {
    BERTH_TRY(name, registry::parse_identity_name(text));
    BERTH_TRY(found, hub.find(name));
    if (!found) {
        return fail(error{error_category::usage,
                          "unknown_identity",
                          fmt::format("there is no {} \"{}\"; berth hub device add makes one",
                                      name.is_module() ? "module" : "device", name.text()),
                          {{"name", name.text()}}});
    }
    return std::move(*found);
}

void add_hub(CLI::App& cli, context& c) {
    auto* const group = cli.add_subcommand("hub", "the registry of devices, and of the CAs that let them in");
    group->require_subcommand(1);
    const auto directory = std::make_shared<std::string>();
    auto* const init = group->add_subcommand("init", "make a hub's directory");
    init->add_option("--dir", *directory, "the directory to make")->required();
    init->callback([directory, &c] {
        c.run([&]() -> result<void> {
            BERTH_CHECK(hub_init(*directory));
            if (c.json) {
                print_json(wire::json::object{{"hub", *directory}});
            } else {
                fmt::print("{} is a hub's directory. Next: berth hub ca register FILE --hub {}\n", *directory, *directory);
            }
            return {};
        });
    });
    add_hub_quickstart(*group, c);
    add_hub_ca(*group, c);
    add_hub_devices(*group, c);
    add_hub_twins(*group, c);
    add_hub_methods(*group, c);
    add_hub_sinks(*group, c);
    add_hub_messages(*group, c);
    add_hub_files(*group, c);
    add_hub_groups(*group, c);
    add_hub_access(*group, c);
    add_hub_policies(*group, c);
    add_hub_enrolments(*group, c);
    add_hub_linked(*group, c);
}

}  // namespace berth::app

// berth: the command line that people use.
#include "base/log.h"
#include "berth/commands/commands.h"
#include "berth/commands/hub.h"
#include "berth/commands/se.h"
#include "berth/commands/unknown.h"
#include "common/version.h"
#include "crypto/version.h"

#include <csignal>

int main(int argc, char** argv) try {
    using namespace berth;
    CLI::App cli("From the chip to the cloud, post-quantum: factory, onboarding, certificates, registry.", "berth");
    cli.footer("Begin with `berth demo`: it shows a whole onboarding on this machine.\n"
               "Exit codes: 0 done, 1 refused by the other side, 2 usage, 3 environment (network, file, chip), 4 our fault.");
    cli.require_subcommand(1);
    cli.set_version_flag("--version", app::version_text("berth", app::asks_for_json(argc, argv)),
                         "tell the versions of Berth and of the OpenSSL that it runs on");
    app::context context;
    cli.add_flag("--json", context.json, "one JSON object, or JSON lines, on standard output");
    cli.fallthrough();
    auto* const masa = cli.add_subcommand("masa", "the manufacturer's authorising authority: set up, audit log");
    masa->require_subcommand(1);
    auto* const registrar =
        cli.add_subcommand("registrar", "the customer's registrar: set up, devices, approvals, configuration");
    registrar->require_subcommand(1);
    app::add_demo(cli, context);
    app::add_quickstart(cli, context);
    app::add_setup(cli, *masa, *registrar, context);
    app::add_records(cli, *masa, context);
    app::add_registrar_records(*registrar, context);
    app::add_chain(cli, context);
    app::add_device(cli, context);
    app::add_key(cli, context);
    app::add_jose(cli, context);
    app::add_firmware(cli, context);
    app::add_identity(cli, context);
    app::add_est(cli, context);
    app::add_hub(cli, context);
    app::add_se(cli, context);
    app::add_authkem(cli, context);
    app::add_bench(cli, context);
    app::add_manuals(cli);
    std::signal(SIGPIPE, SIG_IGN);
    log::configure(log::level::warning, log::format::text);
    if (const auto usable = crypto::require_openssl(); !usable) {
        return app::report(usable.error(), app::asks_for_json(argc, argv));
    }
    try {
        cli.parse(app::without_help_command(argc, argv));
    } catch (const CLI::ParseError& e) {
        const bool help = e.get_exit_code() == 0;
        if (const auto mistake = help ? std::nullopt : app::command_mistake(cli, argc, argv)) {
            return app::report(*mistake, app::asks_for_json(argc, argv));
        }
        return app::report_usage(argc, argv, help ? "" : e.what(), [&] { return cli.exit(e); });
    }
    return context.exit;
} catch (...) {
    return berth::app::report_exception(berth::app::asks_for_json(argc, argv));
}

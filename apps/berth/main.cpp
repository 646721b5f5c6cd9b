// berth: the command line that people use.
#include "berth/commands/commands.h"
#include "crypto/version.h"

int main(int argc, char** argv) {
    using namespace berth;
    CLI::App cli("From the chip to the cloud, post-quantum: factory, onboarding, certificates, registry.", "berth");
    cli.require_subcommand(1);
    app::context context;
    cli.add_flag("--json", context.json, "one JSON object, or JSON lines, on standard output");
    cli.fallthrough();
    app::add_authkem(cli, context);
    if (const auto usable = crypto::require_openssl(); !usable) {
        return app::report(usable.error(), false);
    }
    try {
        cli.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return cli.exit(e) == 0 ? 0 : 2;
    }
    return context.exit;
}

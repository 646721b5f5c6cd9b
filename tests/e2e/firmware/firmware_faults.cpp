// `berth firmware`, with places where a test kills it.
#include "berth/commands/firmware.h"
#include "crypto/version.h"

int main(int argc, char** argv) try {
    using namespace berth;
    CLI::App cli("berth firmware, with fault points", "berth");
    cli.require_subcommand(1);
    app::context context;
    cli.add_flag("--json", context.json, "");
    cli.fallthrough();
    app::add_firmware(cli, context);
    if (const auto usable = crypto::require_openssl(); !usable) {
        return app::report(usable.error(), true);
    }
    CLI11_PARSE(cli, argc, argv);
    return context.exit;
} catch (...) {
    return berth::app::report_exception(true);
}

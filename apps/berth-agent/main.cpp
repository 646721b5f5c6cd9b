// berth-agent: the device program. One thread, few dependencies.
#include "base/log.h"
#include "crypto/random.h"
#include "crypto/version.h"
#include "device/onboarding_run.h"

#include <csignal>
#include <cstdio>
#include <cstring>

namespace {

using namespace berth;

constexpr const char* usage =
    "usage: berth-agent --bundle DIR [--once] [--json]\n"
    "\n"
    "Onboards this device: finds its customer's registrar, has itself authorised by its manufacturer, and installs the\n"
    "customer's certificates and configuration below DIR/installed. Without --once it tries again, with growing pauses and full\n"
    "jitter, until it has succeeded; with --once it goes over all registrars once.\n"
    "\n"
    "  --bundle DIR  the device's bundle, as `berth factory make` wrote it\n"
    "  --once        give up after one round\n"
    "  --json        logs as JSON lines (on standard error)\n"
    "\n"
    "Exit codes: 0 onboarded, 1 refused by the other side, 2 usage, 3 environment (network, file), 4 our fault.\n";

int run(const std::string& directory, bool once) {
    auto bundle = app::device_bundle::open(directory);
    if (!bundle) {
        log::failure("bundle_unusable", bundle.error());
        return exit_code(bundle.error().category);
    }
    net::loop loop;
    loop.on_termination([&loop] { loop.stop(); });
    int code = 3;
    app::run_options options;
    options.once = once;
    app::onboarding_run onboarding(
        loop, *bundle, options, system_clock(), crypto::system_random(),
        [&](const app::run_report& report) {
            if (report.ok) {
                log::info(
                    "onboarded", "this device is onboarded",
                    {{"customer", report.customer}, {"registrar", report.registrar}, {"id", report.id}, {"ms", report.took}});
                code = 0;
            } else {
                const error why =
                    report.why.value_or(error{error_category::environment, "no_registrar", "no registrar was found"});
                log::failure("not_onboarded", why, {{"id", report.id}});
                code = exit_code(why.category);
            }
            loop.stop();
        },
        [&](const onboarding::step_event& step, milliseconds at) {
            log::info("step", onboarding::describe(step.which),
                      {{"party", "device"}, {"step", onboarding::name_of(step.which)}, {"octets", step.octets}, {"ms", at}});
        });
    onboarding.start();
    loop.run();
    return code;
}

}  // namespace

int main(int argc, char** argv) {
    std::string directory;
    bool once = false;
    auto format = log::format::text;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--bundle" && i + 1 < argc) {
            directory = argv[++i];
        } else if (argument == "--once") {
            once = true;
        } else if (argument == "--json") {
            format = log::format::json;
        } else if (argument == "--help" || argument == "-h") {
            std::fputs(usage, stdout);
            return 0;
        } else {
            std::fprintf(stderr, "berth-agent: I do not know \"%s\"\n\n%s", argv[i], usage);
            return 2;
        }
    }
    if (directory.empty()) {
        std::fputs(usage, stderr);
        return 2;
    }
    std::signal(SIGPIPE, SIG_IGN);
    log::configure(log::level::info, format);
    if (const auto usable = crypto::require_openssl(); !usable) {
        log::failure("openssl_too_old", usable.error());
        return exit_code(usable.error().category);
    }
    return run(directory, once);
}

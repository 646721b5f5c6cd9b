// berth-agent: the device program. One thread, few dependencies.
#include "base/log.h"
#include "berth-agent/keep.h"
#include "berth-agent/serve.h"
#include "common/output.h"
#include "common/version.h"
#include "credentials/keeper.h"
#include "crypto/random.h"
#include "crypto/version.h"
#include "device/onboarding_run.h"

#include <charconv>
#include <csignal>
#include <cstdio>

#include <malloc.h>

namespace {

using namespace berth;

constexpr const char* usage =
    "usage: berth-agent --bundle DIR [--passphrase-file FILE] [--once | --stay [--refresh SECONDS]] [--json]\n"
    "       berth-agent --bundle DIR [--passphrase-file FILE] --renew-once [--json]\n"
    "       berth-agent accepted --bundle DIR NAME    a new certificate is in use; berth-agent accepted --help\n"
    "       berth-agent serve --bundle DIR --config FILE    the device's identity service; berth-agent serve --help\n"
    "       berth-agent --version [--json]\n"
    "\n"
    "Onboards this device: finds its customer's registrar, has itself authorised by its manufacturer, and installs the\n"
    "customer's certificates and configuration below DIR/installed. Without --once it tries again, with growing pauses and full\n"
    "jitter, until it has succeeded; with --once it goes over all registrars once. A device that is onboarded already is left\n"
    "as it is.\n"
    "\n"
    "  --bundle DIR            the device's bundle, as `berth factory make` wrote it\n"
    "  --passphrase-file FILE  unlocks the device's encrypted keys with its first line; the file is readable by its owner alone\n"
    "                          (default: what device.toml names)\n"
    "  --once                  give up after one round\n"
    "  --stay                  stay after the onboarding: fetch the customer's configuration again and again, and keep the\n"
    "                          certificates that DIR/est.toml names, by EST (docs/credentials.md)\n"
    "  --renew-once            ask once for what is due of these certificates, and end; nothing is onboarded\n"
    "  --refresh SECONDS       the longest pause between two fetches; each is drawn between half of it and all of it (3600)\n"
    "  --json                  logs as JSON lines, on standard error; text otherwise\n"
    "\n"
    "Files, below DIR. Read: device.toml, z1.pem, z3.pem, p3.pem or p3.uri, masa-kem.pem; z3-sig.pem and p3-sig.pem where they\n"
    "are; z3-iak.pem and the TPM's platform registers where device.toml says [quote]. What does not belong together is\n"
    "`bad_bundle`. Written: pending/ while an onboarding runs; time; installed/domain-root.pem, NAME.pem, NAME.key,\n"
    "config.json, state.json. With est.toml, which the device's owner writes: credentials/NAME/current, and "
    "credentials/told.time.\n"
    "\n"
    "SIGTERM and SIGINT end it between two steps; nothing is lost, and the next start goes on from there. Before the device is\n"
    "onboarded the log tells that as `interrupted`, and the exit code is 3; afterwards (--stay) it is 0.\n"
    "Exit codes: 0 onboarded, 1 refused by the other side, 2 usage, 3 environment (network, file, interrupted), 4 our fault.\n"
    "Example: berth-agent --bundle /var/lib/berth/device --stay --json\n";

struct arguments {
    std::string bundle;
    std::string passphrase_file;
    bool once = false;
    bool stay = false;
    bool renew_once = false;
    milliseconds refresh = 3'600'000;
};

// Onboards, and then, when it stays, fetches the configuration at intervals.
class agent {
public:
    // `keeps`: what est.toml says, for who stays.
    agent(const app::device_bundle& bundle, const arguments& how, const std::optional<app::keeping_config>& keeps)
        : bundle_(bundle), how_(how), keeps_(keeps), pause_(loop_) {}

    int run() {
        loop_.on_termination([this] { interrupted(); });
        app::run_options options;
        options.once = how_.once;
        run_ = std::make_unique<app::onboarding_run>(
            loop_, bundle_, options, system_clock(), crypto::system_random(),
            [this](const app::run_report& report) { onboarded(report); },
            [this](const onboarding::step_event& step, milliseconds at, const std::string& id) { stepped(step, at, id); });
        run_->start();
        loop_.run();
        return code_;
    }

private:
    void stepped(const onboarding::step_event& step, milliseconds at, const std::string& id) {
        std::vector<log::field> fields{
            {"party", "device"}, {"step", onboarding::name_of(step.which)}, {"serial", bundle_.identity.serial}};
        if (!id.empty()) {
            fields.emplace_back("id", id);
        }
        fields.emplace_back("octets", step.octets);
        fields.emplace_back("ms", at);
        log::info("step", onboarding::describe(step.which), std::move(fields));
    }

    void interrupted() {
        if (code_ == 0) {
            log::info("stopped", "SIGTERM or SIGINT: berth-agent ends");
        } else {
            log::warning(
                "interrupted",
                "SIGTERM or SIGINT came before this device was onboarded; nothing is lost, the next start goes on from here",
                {{"serial", bundle_.identity.serial}});
        }
        loop_.stop();
    }

    void onboarded(const app::run_report& report) {
        if (!report.ok) {
            const error why = report.why.value_or(error{error_category::environment, "no_registrar", "no registrar was found"});
            log::failure("not_onboarded", why, {{"id", report.id}});
            code_ = exit_code(why.category);
            return loop_.stop();
        }
        log::info("onboarded", "this device is onboarded",
                  {{"customer", report.customer}, {"registrar", report.registrar}, {"id", report.id}, {"ms", report.took}});
        code_ = 0;
        if (how_.stay) {
            if (keeps_) {
                keeper_ =
                    std::make_unique<app::credential_keeper>(loop_, bundle_, *keeps_, system_clock(), crypto::system_random());
                keeper_->start();
            }
            return wait();
        }
        loop_.stop();
    }

    void wait() {
        const auto half = static_cast<uint64_t>(how_.refresh / 2);
        pause_.arm(static_cast<milliseconds>(half + crypto::system_random().number() % (half + 1)), [this] { fetch(); });
    }

    void fetch() {
        run_ = std::make_unique<app::onboarding_run>(loop_, bundle_, app::run_options{.once = true}, system_clock(),
                                                     crypto::system_random(), [this](const app::run_report& report) {
                                                         if (report.ok) {
                                                             log::info("configuration_fetched", "the configuration is up to date",
                                                                       {{"version", report.configuration_version}});
                                                         } else if (report.why) {
                                                             log::failure("configuration_not_fetched", *report.why);
                                                         }
                                                         wait();
                                                     });
        run_->start_configuration_fetch();
    }

    net::loop loop_;
    const app::device_bundle& bundle_;
    const arguments& how_;
    const std::optional<app::keeping_config>& keeps_;
    net::timer pause_;
    std::unique_ptr<app::onboarding_run> run_;
    std::unique_ptr<app::credential_keeper> keeper_;
    int code_ = 3;
};

// What is wrong with the command line; empty: nothing. `--help` leaves `help` set.
std::string parse(int argc, char** argv, arguments& into, log::format& format, bool& help) {
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--bundle" && i + 1 < argc) {
            into.bundle = argv[++i];
        } else if (argument == "--passphrase-file" && i + 1 < argc) {
            into.passphrase_file = argv[++i];
        } else if (argument == "--refresh" && i + 1 < argc) {
            const std::string_view text = argv[++i];
            uint32_t seconds = 0;
            const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), seconds);
            if (bad != std::errc() || end != text.data() + text.size() || seconds == 0) {
                return "--refresh takes a whole number of seconds, 1 at least";
            }
            into.refresh = milliseconds{seconds} * 1000;
        } else if (argument == "--once") {
            into.once = true;
        } else if (argument == "--stay") {
            into.stay = true;
        } else if (argument == "--renew-once") {
            into.renew_once = true;
        } else if (argument == "--json") {
            format = log::format::json;
        } else if (argument == "--help" || argument == "-h") {
            help = true;
        } else {
            return fmt::format("I do not know \"{}\", or it lacks its value", argument);
        }
    }
    if (!help && into.bundle.empty()) {
        return "--bundle DIR is missing";
    }
    return into.once + into.stay + into.renew_once > 1 ? "--once, --stay and --renew-once exclude each other" : "";
}

}  // namespace

int main(int argc, char** argv) try {
    if (std::any_of(argv + std::min(argc, 1), argv + argc, [](const char* a) { return std::string_view(a) == "--version"; })) {
        std::puts(app::version_text("berth-agent", app::asks_for_json(argc, argv)).c_str());
        return 0;
    }
    if (argc > 1 && std::string_view(argv[1]) == "serve") {
        std::signal(SIGPIPE, SIG_IGN);
        ::mallopt(M_ARENA_MAX, 1);
        return app::serve_identities(argc - 2, argv + 2);
    }
    if (argc > 1 && std::string_view(argv[1]) == "accepted") {
        return app::tell_accepted(argc - 2, argv + 2);
    }
    arguments how;
    auto format = log::format::text;
    bool help = false;
    if (const std::string wrong = parse(argc, argv, how, format, help); !wrong.empty()) {
        return app::report_usage(argc, argv, wrong, [&] {
            std::fprintf(stderr, "berth-agent: %s\n\n%s", wrong.c_str(), usage);
            return 2;
        });
    }
    if (help) {
        std::fputs(usage, stdout);
        return 0;
    }
    std::signal(SIGPIPE, SIG_IGN);
    // One heap for all threads: those for name resolution and DNS-SD are not worth one of their own.
    ::mallopt(M_ARENA_MAX, 1);
    log::configure(log::level::info, format);
    if (const auto usable = crypto::require_openssl(); !usable) {
        log::failure("openssl_too_old", usable.error());
        return exit_code(usable.error().category);
    }
    if (how.renew_once) {
        return app::renew_once(how.bundle, how.passphrase_file);
    }
    const auto bundle = app::device_bundle::open(how.bundle, how.passphrase_file);
    if (!bundle) {
        log::failure("bundle_unusable", bundle.error());
        return exit_code(bundle.error().category);
    }
    // What is wrong in est.toml is told before anything else is done.
    const auto keeps =
        how.stay ? app::read_keeping_config(bundle->directory) : result<std::optional<app::keeping_config>>(std::nullopt);
    if (!keeps) {
        log::failure("est_toml_unusable", keeps.error());
        return exit_code(keeps.error().category);
    }
    std::optional<app::keeping_lock> lock;
    if (*keeps) {
        auto taken = app::keeping_lock::take(bundle->directory);
        if (!taken) {
            log::failure("not_kept", taken.error());
            return exit_code(taken.error().category);
        }
        lock.emplace(std::move(*taken));
    }
    return agent(*bundle, how, *keeps).run();
} catch (...) {
    return app::report_exception(false);
}

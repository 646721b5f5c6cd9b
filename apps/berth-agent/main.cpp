// berth-agent: the device program. One thread, few dependencies.
#include "base/log.h"
#include "berth-agent/keep.h"
#include "berth-agent/serve.h"
#include "common/files.h"
#include "common/output.h"
#include "common/version.h"
#include "credentials/keeper.h"
#include "crypto/random.h"
#include "crypto/version.h"
#include "device/installation.h"
#include "device/onboarding_run.h"
#include "hub_client/hub_session.h"

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
    "customer's certificates and configuration below DIR/installed. Where that configuration names a provisioning service it goes\n"
    "on: asks which hub is its own, connects there, and reports in its twin what it is (docs/provisioning.md). Without --once it\n"
    "tries again, with growing pauses and full jitter, until it has succeeded; with --once it goes over all registrars once, and\n"
    "tries once to get to its hub. A device that is onboarded already is left as it is, and goes on from there.\n"
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
    "config.json, state.json; hub/place.json, hub/desired.json; lifecycle.log. With est.toml, which the\n"
    "device's owner writes: credentials/NAME/current, credentials/told.time, and est-trust/.\n"
    "\n"
    "SIGHUP: with --stay, est.toml is read again; with a mistake in it, what it said before stays in force.\n"
    "SIGTERM and SIGINT end it between two steps; nothing is lost, and the next start goes on from there. Before the device is\n"
    "onboarded the log tells that as `interrupted`, and the exit code is 3; afterwards (--stay) it is 0.\n"
    "Exit codes: 0 onboarded (and, where there is a hub, reported there), 1 refused by the other side, 2 usage, 3 environment\n"
    "(network, file, interrupted), 4 our fault.\n"
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
    // `keeps`: what est.toml says, for who stays; `lock` is held where there is one.
    agent(const app::device_bundle& bundle, const arguments& how, std::optional<app::keeping_config> keeps,
          std::optional<app::keeping_lock> lock)
        : bundle_(bundle), how_(how), keeps_(std::move(keeps)), lock_(std::move(lock)), pause_(loop_) {}

    int run() {
        loop_.on_termination([this] { interrupted(); });
        if (how_.stay) {
            loop_.on_reload([this] { reload(); });
        }
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
        if (how_.stay) {
            code_ = 0;
            stays_ = true;
            keep();
            go_on();
            return wait();
        }
        if (!go_on()) {
            code_ = 0;
            loop_.stop();
        }
    }

    // To the hub that the customer's configuration leads to. False: to none.
    bool go_on() {
        const auto entry = hub_entry_now();
        if (!entry) {
            log::failure("hub_entry_unusable", entry.error());
            code_ = stays_ ? code_ : exit_code(entry.error().category);
            if (!stays_) {
                loop_.stop();
            }
            return true;
        }
        if (!*entry) {
            hub_.reset();
            return false;
        }
        if (!hub_) {
            hub_ = std::make_unique<app::hub_session>(loop_, bundle_, system_clock(), crypto::system_random(),
                                                      [this](const std::optional<error>& why) { hub_told(why); });
        }
        hub_->go(**entry);
        return true;
    }

    result<std::optional<app::hub_entry>> hub_entry_now() const {
        BERTH_TRY(text, app::read_text(bundle_.directory / "installed" / "config.json"));
        if (text.empty()) {
            return std::nullopt;
        }
        BERTH_TRY(configuration, wire::parse_json_object(text));
        return app::read_hub_entry(configuration);
    }

    // Who stays is there from now on, and comes again by itself.
    void hub_told(const std::optional<error>& why) {
        if (stays_ || (why && !how_.once)) {
            return;
        }
        code_ = why ? exit_code(why->category) : 0;
        hub_->end([this] { loop_.stop(); });
    }

    void keep() {
        if (!keeps_) {
            return;
        }
        keeper_ = std::make_unique<app::credential_keeper>(loop_, bundle_, *keeps_, system_clock(), crypto::system_random());
        if (keeps_->recover == app::recovery::onboard) {
            keeper_->on_lost([this](const std::string& credential) { recover(credential); });
        }
        keeper_->start();
    }

    // SIGHUP: est.toml again. What is wrong with it is told, and what it said before stays in force.
    void reload() {
        if (auto fresh = reloaded(); !fresh) {
            log::failure("est_toml_unusable", std::move(fresh).error().during("what est.toml said before stays in force"));
            return;
        }
        log::info("reloaded", "est.toml was read again");
        if (!stays_ || recovering_) {
            return;  // it counts as soon as there is something to keep
        }
        if (keeper_ && keeps_ && keeps_->recover != app::recovery::onboard) {
            keeper_->on_lost({});
        } else if (keeper_) {
            keeper_->on_lost([this](const std::string& credential) { recover(credential); });
        }
        if (keeper_) {
            keeper_->reload(*keeps_);
        } else {
            keep();
        }
    }

    result<void> reloaded() {
        BERTH_TRY(fresh, app::read_agents_config(bundle_));
        if (fresh && !lock_) {
            BERTH_TRY(taken, app::keeping_lock::take(bundle_.directory));
            lock_.emplace(std::move(taken));
        }
        // Without one nothing is kept any more.
        keeps_ = fresh || !keeper_ ? std::move(fresh) : app::keeping_config{};
        return {};
    }

    // Nothing that is kept is valid any more, and who we are is refused: we become somebody again. What is installed stays until
    // what takes its place is there.
    void recover(const std::string& credential) {
        const milliseconds now = system_clock().steady();
        if (recovering_ || fetching_ || now < next_recovery_) {
            return;
        }
        constexpr milliseconds least = 60'000, most = 6 * 3'600'000, quiet = 24 * 3'600'000;
        recoveries_ = next_recovery_ == 0 || now - next_recovery_ > quiet ? 0 : recoveries_ + 1;
        const auto range = static_cast<uint64_t>(std::min(most, least << std::min<uint32_t>(recoveries_, 12)));
        next_recovery_ = now + static_cast<milliseconds>(range / 2 + crypto::system_random().number() % (range / 2 + 1));
        recovering_ = true;
        pause_.cancel();
        keeper_.reset();
        log::warning("recovery_begun",
                     "nothing that this device keeps is valid, and its identity is refused: it is onboarded again",
                     {{"credential", credential}});
        app::run_options options;
        options.once = true;
        options.anew = true;
        run_ = std::make_unique<app::onboarding_run>(
            loop_, bundle_, options, system_clock(), crypto::system_random(),
            [this](const app::run_report& report) { recovered(report); },
            [this](const onboarding::step_event& step, milliseconds at, const std::string& id) { stepped(step, at, id); });
        run_->start();
    }

    void recovered(const app::run_report& report) {
        recovering_ = false;
        if (report.ok) {
            log::info("recovered", "this device is onboarded again",
                      {{"customer", report.customer}, {"registrar", report.registrar}});
        } else {
            log::failure("not_recovered",
                         report.why.value_or(error{error_category::environment, "no_registrar", "no registrar was found"}),
                         {{"in_ms", std::max<milliseconds>(0, next_recovery_ - system_clock().steady())}});
        }
        keep();
        go_on();
        wait();
    }

    void wait() {
        const auto half = static_cast<uint64_t>(how_.refresh / 2);
        pause_.arm(static_cast<milliseconds>(half + crypto::system_random().number() % (half + 1)), [this] { fetch(); });
    }

    void fetch() {
        fetching_ = true;
        run_ = std::make_unique<app::onboarding_run>(loop_, bundle_, app::run_options{.once = true}, system_clock(),
                                                     crypto::system_random(), [this](const app::run_report& report) {
                                                         fetching_ = false;
                                                         if (report.ok) {
                                                             log::info("configuration_fetched", "the configuration is up to date",
                                                                       {{"version", report.configuration_version}});
                                                             go_on();
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
    std::optional<app::keeping_config> keeps_;
    std::optional<app::keeping_lock> lock_;
    net::timer pause_;
    std::unique_ptr<app::onboarding_run> run_;
    std::unique_ptr<app::credential_keeper> keeper_;
    std::unique_ptr<app::hub_session> hub_;
    bool stays_ = false;
    bool recovering_ = false;
    bool fetching_ = false;
    uint32_t recoveries_ = 0;
    milliseconds next_recovery_ = 0;  // of the steady clock: not before
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
    const auto keeps = how.stay ? app::read_agents_config(*bundle) : result<std::optional<app::keeping_config>>(std::nullopt);
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
    return agent(*bundle, how, *keeps, std::move(lock)).run();
} catch (...) {
    return app::report_exception(false);
}

// berth device onboard | config | show | lifecycle | credentials | pcrs | recover | ldevid | reset: a device's side, by hand.
#include "base/log.h"
#include "berth/commands/device_credentials.h"
#include "berth/commands/device_keys.h"
#include "berth/commands/device_lifecycle.h"
#include "berth/commands/ldevid.h"
#include "berth/commands/registers.h"
#include "common/words.h"
#include "crypto/random.h"
#include "device/installation.h"
#include "device/lifecycle.h"
#include "device/onboarding_run.h"
#include "keystore/operations.h"

namespace berth::app {

namespace {

struct options {
    std::string bundle, passphrase_file;
    std::vector<uint8_t> pcrs;
    bool retry = false;
    bool verbose = false;
};

wire::json::object report_json(const run_report& r) {
    wire::json::array names;
    for (const auto& n : r.credentials) {
        names.emplace_back(n);
    }
    wire::json::object out{{"ok", r.ok},
                           {"registrar", r.registrar},
                           {"id", r.id},
                           {"customer", r.customer},
                           {"credentials", names},
                           {"already_onboarded", r.ok && r.attempts == 0},
                           {"attempts", r.attempts},
                           {"octets_sent", r.octets_sent},
                           {"octets_received", r.octets_received},
                           {"ms", r.took}};
    if (r.why) {
        out["error"] = app::to_json(*r.why);
    }
    return out;
}

// Runs one onboarding, or one configuration fetch, to its end.
result<run_report> run(const device_bundle& bundle, const options& o, bool configuration, bool show_steps) {
    net::loop loop;
    loop.on_termination([&loop] { loop.stop(); });
    std::optional<run_report> report;
    run_options how;
    how.once = !o.retry;
    onboarding_run onboarding(
        loop, bundle, how, system_clock(), crypto::system_random(),
        [&](const run_report& r) {
            report = r;
            loop.stop();
        },
        [&](const onboarding::step_event& s, milliseconds at, const std::string&) {
            if (show_steps) {
                fmt::print("{:>6} ms  {:<4} {}{}\n", at, onboarding::name_of(s.which), onboarding::describe(s.which),
                           s.octets ? fmt::format("  ({} octets)", s.octets) : "");
                std::fflush(stdout);
            }
        });
    if (configuration) {
        onboarding.start_configuration_fetch();
    } else {
        onboarding.start();
    }
    loop.run();
    if (!report) {
        return fail(error_category::environment, "interrupted", "interrupted before the end; run it again, nothing is lost");
    }
    return *report;
}

// The registers of the device's TPM as they are now, as a policy for others of its model.
result<void> print_registers(const device_bundle& bundle, const std::vector<uint8_t>& asked, const context& c) {
    const auto& which = asked.empty() ? bundle.quoted : asked;
    if (which.empty()) {
        return fail(error_category::usage, "no_registers",
                    "device.toml names no platform registers ([quote]): say which, as --pcrs 0,2,7");
    }
    BERTH_TRY(values, keystore::platform_registers(bundle.p3_uri, which, {bundle.directory.string(), bundle.passphrase}));
    warn_of_unmeasured(values);
    if (c.json) {
        wire::json::object registers;
        for (const auto& [number, value] : values) {
            registers[std::to_string(number)] = to_hex(value);
        }
        print_json(wire::json::object{{"model", bundle.model}, {"pcrs", std::move(registers)}});
        return {};
    }
    std::string line;
    for (const auto& [number, value] : values) {
        line += fmt::format("{}{} = \"{}\"", line.empty() ? "" : ", ", number, to_hex(value));
    }
    // A model is quoted as JSON is; TOML reads the same.
    fmt::print("[[registrar.integrity]]\nmodel = {}\npcrs = {{ {} }}\n", wire::to_text(wire::json::value(bundle.model)), line);
    return {};
}

// A key that its chip does not give out now (another boot state, a chip that is away) keeps nobody from being told of the device.
result<void> show(const options& o, const context& c) {
    BERTH_TRY(bundle, device_bundle::look(o.bundle, o.passphrase_file));
    const auto opened = device_bundle::open(o.bundle, o.passphrase_file);
    if (!opened && opened.error().category != error_category::environment) {
        return fail(opened.error());
    }
    BERTH_TRY(kem, bundle.z3.front().kem_key());
    BERTH_TRY(keys, keys_of(bundle));
    wire::json::object out{{"serial", bundle.identity.serial},
                           {"device_root_spki", to_hex(bundle.identity.device_root_spki)},
                           {"model", bundle.model},
                           {"firmware", bundle.firmware},
                           {"key", std::string(crypto::name_of(kem.algorithm()))},
                           {"keys", to_json(keys)},
                           {"opens", opened.has_value()},
                           {"masa_keys", bundle.masa_keys.size()}};
    if (!opened) {
        out["why_not"] = app::to_json(opened.error());
    }
    const installation there(bundle);
    std::optional<installation_state> installed;
    if (there.present()) {
        BERTH_TRY(state, there.state());
        out["installed"] = to_json(state);
        installed = std::move(state);
    }
    BERTH_TRY(ldevid, installed_ldevid(bundle));
    if (ldevid) {
        out["ldevid"] = to_json(*ldevid);
    }
    if (c.json) {
        print_json(out);
        return {};
    }
    fmt::print("{} ({} {}), key {}\n", one_line(bundle.identity.serial), one_line(bundle.model), one_line(bundle.firmware),
               crypto::name_of(kem.algorithm()));
    fmt::print("{}\n", installed ? fmt::format("onboarded by {}", one_line(installed->customer)) : "not onboarded");
    if (ldevid) {
        fmt::print("{}\n", to_text(*ldevid));
    }
    fmt::print("{}", to_text(keys));
    if (!opened) {
        fmt::print("Its KEM key does not open now: {} [{}]\n", one_line(opened.error().message), opened.error().name);
    }
    return {};
}

}  // namespace

void add_device(CLI::App& cli, context& c) {
    auto* const group = cli.add_subcommand("device", "a device's side, by hand; berth-agent does it unattended");
    group->require_subcommand(1);
    const auto o = std::make_shared<options>();
    const auto with_bundle = [&](const char* name, const char* help) {
        auto* const cmd = group->add_subcommand(name, help);
        cmd->add_option("--bundle", o->bundle, "the device's bundle directory")->required();
        cmd->add_option("--passphrase-file", o->passphrase_file,
                        "unlocks the device's encrypted keys (default: what device.toml names)");
        return cmd;
    };
    auto* const onboard = with_bundle("onboard", "onboard: find a registrar, be authorised, install the customer's certificates");
    onboard->add_flag("--retry", o->retry, "keep trying until it succeeds");
    onboard->add_flag("-v,--verbose", o->verbose, "show retries and causes on standard error");
    onboard->callback([o, &c] {
        c.run([&]() -> result<void> {
            log::configure(o->verbose ? log::level::info : log::level::error, log::format::text);
            BERTH_TRY(bundle, device_bundle::open(o->bundle, o->passphrase_file));
            BERTH_TRY(report, run(bundle, *o, false, !c.json));
            if (c.json) {
                print_json(report_json(report));
            }
            if (!report.ok) {
                const error why =
                    report.why.value_or(error{error_category::environment, "no_registrar", "no registrar was found"});
                c.exit = c.json ? exit_code(why.category) : app::report(why, false);
            } else if (!c.json && report.attempts == 0) {
                fmt::print("This device is onboarded already, by {}; berth device reset makes it new.\n", report.customer);
            } else if (!c.json) {
                fmt::print("Onboarded by {}: {} credentials in {}/installed, {} octets sent, {} received.\n", report.customer,
                           report.credentials.size(), o->bundle, report.octets_sent, report.octets_received);
            }
            return {};
        });
    });
    auto* const fetch = with_bundle("config", "fetch the customer's configuration again");
    fetch->callback([o, &c] {
        c.run([&]() -> result<void> {
            log::configure(log::level::error, log::format::text);
            BERTH_TRY(bundle, device_bundle::open(o->bundle, o->passphrase_file));
            if (!installation(bundle).present()) {
                return fail(error{error_category::usage,
                                  "not_onboarded",
                                  fmt::format("{} was not onboarded yet, and has nobody to ask: berth device onboard --bundle {}",
                                              bundle.identity.serial, shell_word(o->bundle)),
                                  {{"serial", bundle.identity.serial}}});
            }
            BERTH_TRY(report, run(bundle, *o, true, false));
            if (!report.ok) {
                return fail(
                    report.why.value_or(error{error_category::environment, "no_registrar", "the registrar was not reached"}));
            }
            BERTH_TRY(state, installation(bundle).state());
            if (c.json) {
                print_json(to_json(state));
            } else {
                fmt::print("Configuration version {} is in {}/installed/config.json.\n", state.configuration_version, o->bundle);
            }
            return {};
        });
    });
    auto* const shown = with_bundle("show", "show a device: who it is, where its keys are, and what it has installed");
    shown->callback([o, &c] { c.run([&] { return show(*o, c); }); });
    auto* const pcrs = with_bundle("pcrs", "print what the TPM's platform registers hold now, as a policy for berthd.toml");
    pcrs->add_option("--pcrs", o->pcrs, "which (SHA-256 bank), as 0,2,7 (default: those that device.toml names)")
        ->delimiter(',')
        ->check(register_number());
    pcrs->callback([o, &c] {
        c.run([&]() -> result<void> {
            // Wanted most when the machine is in a state in which the key does not open.
            BERTH_TRY(bundle, device_bundle::look(o->bundle, o->passphrase_file));
            return print_registers(bundle, o->pcrs, c);
        });
    });
    add_device_recover(*group, c);
    add_device_ldevid(*group, c);
    add_device_credentials(*group, c);
    add_device_lifecycle(*group, c);
    auto* const reset = with_bundle("reset", "forget the installation and its keys: the device is as it left the factory");
    reset->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(bundle, device_bundle::look(o->bundle, o->passphrase_file));
            installation there(bundle);
            const bool installed = there.present();
            BERTH_CHECK(require_alive(bundle));
            note_life_or_log(bundle, system_clock());  // whose it was until now
            BERTH_CHECK(there.reset());
            note_life_or_log(bundle, system_clock());
            if (c.json) {
                print_json(wire::json::object{{"serial", bundle.identity.serial}, {"was_installed", installed}});
            } else {
                fmt::print("{} is as it left the factory{}.\n", bundle.identity.serial,
                           installed ? "" : "; nothing was installed");
            }
            return {};
        });
    });
}

}  // namespace berth::app

// berth device lifecycle show | decommission | recommission
#include "berth/commands/device_lifecycle.h"

#include "berth/commands/lifecycle_records.h"
#include "common/files.h"
#include "common/words.h"
#include "credentials/kept_credential.h"
#include "device/decommission.h"

namespace berth::app {

namespace {

struct options {
    std::string bundle, passphrase_file, serial, dir, maker_root, contains, reason;
    bool yes = false;
};

wire::json::value time_of(unix_seconds at) {
    return at ? wire::json::value(to_iso8601(at)) : wire::json::value();
}

// ---- show: at the device

result<void> contains(const life_history& life, const std::string& text) {
    BERTH_TRY(hash, from_hex(text));
    if (std::ranges::any_of(life.entries, [&](const auto& e) { return same_octets(e.hash, hash); })) {
        return {};
    }
    return fail(error_category::environment, "history_altered",
                "the history has no entry with this hash: it was cut off, or another one was put in its place");
}

// A chip, or a unit of a line's with its keys, that nobody has certified yet.
result<bool> is_unmade(const std::filesystem::path& bundle) {
    BERTH_TRY(made, is_there(bundle / "device.toml"));
    BERTH_TRY(in_file, is_there(bundle / "p3.pem"));
    BERTH_TRY(elsewhere, is_there(bundle / "p3.uri"));
    return !made && (in_file || elsewhere);
}

result<void> show_bundle(const options& o, context& c) {
    BERTH_TRY(unmade, is_unmade(o.bundle));
    if (unmade) {
        if (c.json) {
            print_json(wire::json::object{
                {"party", "device"}, {"phase", "supply_chain"}, {"since", nullptr}, {"history", wire::json::array()}});
        } else {
            fmt::print("supply_chain: it has keys, and its maker has not certified them yet\n");
        }
        return {};
    }
    BERTH_TRY(bundle, device_bundle::look(o.bundle, o.passphrase_file));
    BERTH_TRY(life, seen_life(bundle, system_clock()));
    if (!life.altered && !o.contains.empty()) {
        if (auto held = contains(life, o.contains); !held) {
            life.altered = std::move(held).error();
        }
    }
    const auto phase = registry::to_string(life.phase());
    if (c.json) {
        wire::json::array history;
        for (const auto& e : life.entries) {
            history.push_back(wire::json::object{{"number", e.number},
                                                 {"at", to_iso8601(e.at)},
                                                 {"step", std::string(registry::to_string(e.step))},
                                                 {"about", e.about},
                                                 {"id", e.id},
                                                 {"hash", to_hex(e.hash)}});
        }
        wire::json::object out{{"serial", bundle.identity.serial}, {"party", "device"},
                               {"phase", std::string(phase)},      {"since", time_of(life.since())},
                               {"unfinished", life.unfinished()},  {"intact", !life.altered},
                               {"history", std::move(history)}};
        if (life.altered) {
            out["why"] = app::to_json(*life.altered);
        }
        print_json(out);
    } else {
        fmt::print("{}: {}{} since {}\n", one_line(bundle.identity.serial), phase,
                   life.unfinished() ? " (begun, and not ended: berth device lifecycle decommission)" : "",
                   to_iso8601(life.since()));
        for (const auto& e : life.entries) {
            fmt::print("  {:>3} {} {:<14} {}\n", e.number, to_iso8601(e.at), registry::to_string(e.step), one_line(e.about));
        }
        if (!life.entries.empty() && !life.altered) {
            fmt::print(
                "Hash of the newest entry: {}\n  (noted elsewhere, it shows with --contains whether anything before it was "
                "changed or cut off)\n",
                to_hex(life.head()));
        }
        if (life.altered) {
            fmt::print("The history was altered: {}\n", one_line(life.altered->message));
        }
    }
    c.exit = life.altered ? exit_code(life.altered->category) : c.exit;
    return {};
}

// ---- show: at its owner and its maker

result<void> show_records(const options& o, const context& c) {
    BERTH_TRY(all, told_lives(o.dir, o.serial, o.maker_root, system_clock().now()));
    for (const auto& life : all) {
        const auto phase = registry::to_string(life.phase);
        if (c.json) {
            wire::json::array history;
            for (const auto& e : life.history) {
                history.push_back(wire::json::object{{"at", to_iso8601(e.at)}, {"step", e.step}, {"about", e.about}});
            }
            print_json(wire::json::object{{"serial", life.serial},
                                          {"party", life.party},
                                          {"phase", std::string(phase)},
                                          {"since", time_of(life.since)},
                                          {"history", std::move(history)}});
            continue;
        }
        fmt::print("{} ({}): {}, last changed {}\n", one_line(life.serial), life.party, phase, to_iso8601(life.since));
        for (const auto& e : life.history) {
            fmt::print("  {} {:<20} {}\n", to_iso8601(e.at), e.step, one_line(e.about));
        }
    }
    return {};
}

result<void> show(const options& o, context& c) {
    if (o.bundle.empty() == o.serial.empty() || o.serial.empty() != o.dir.empty()) {
        return fail(error_category::usage, "bad_arguments",
                    "say --bundle DIR of a device, or --serial SERIAL and --dir DIR of a registrar, a MASA or a CA");
    }
    return o.bundle.empty() ? show_records(o, c) : show_bundle(o, c);
}

// ---- the end, and what may follow it

result<void> confirmed(const options& o, const device_bundle& bundle, const std::string& what) {
    if (o.yes) {
        return {};
    }
    return fail(error{error_category::usage, "not_confirmed",
                      fmt::format("{} of {}: nothing has changed; say it with --yes", what, bundle.identity.serial)}
                    .with("serial", bundle.identity.serial));
}

// The secrets that est.toml names, as far as they lie in the bundle: elsewhere they may be others' as well. What does not read
// names none.
std::vector<std::filesystem::path> secrets_of(const device_bundle& bundle) {
    std::vector<std::filesystem::path> out;
    const auto config = read_keeping_config(bundle.directory);
    if (!config || !*config) {
        return out;
    }
    for (const auto& source : (*config)->sources) {
        for (const auto& file : {source.password_file, source.header_file}) {
            const auto inside = file.lexically_normal().lexically_relative(bundle.directory.lexically_normal());
            if (!file.empty() && !inside.empty() && *inside.begin() != "..") {
                out.push_back(file);
            }
        }
    }
    return out;
}

result<void> decommission_device(const options& o, const context& c) {
    BERTH_TRY(bundle, device_bundle::look(o.bundle, o.passphrase_file));
    BERTH_TRY(life, seen_life(bundle, system_clock()));
    if (life.phase() != registry::life_phase::decommissioned) {
        BERTH_CHECK(registry::phase_after(life.phase(), registry::life_step::ending));
    }
    if (!life.unfinished()) {
        if (life.phase() == registry::life_phase::decommissioned) {
            return fail(require_alive(bundle).error());
        }
        BERTH_CHECK(confirmed(
            o, bundle, "this destroys the customer's keys, certificates and configuration, and ends the life with its owner"));
    }
    // An agent that runs would go on renewing what is being destroyed.
    BERTH_TRY(alone, keeping_lock::take(bundle.directory));
    BERTH_TRY(done, decommission(bundle, o.reason, secrets_of(bundle), system_clock()));
    if (c.json) {
        print_json(wire::json::object{{"serial", bundle.identity.serial},
                                      {"phase", "decommissioned"},
                                      {"files", done.files},
                                      {"chip_keys", done.chip_keys},
                                      {"resumed", done.resumed}});
    } else {
        fmt::print("{} is decommissioned{}: {} files overwritten and removed, {} keys deleted in chips. Its maker's identity is "
                   "still there.\nIts owner withdraws its certificates with: berth registrar decommission {} --dir REGISTRAR\n",
                   one_line(bundle.identity.serial), done.resumed ? ", after an attempt that was interrupted" : "", done.files,
                   done.chip_keys, shell_word(bundle.identity.serial));
    }
    return {};
}

result<void> recommission_device(const options& o, const context& c) {
    BERTH_TRY(bundle, device_bundle::look(o.bundle, o.passphrase_file));
    BERTH_TRY(life, seen_life(bundle, system_clock()));
    if (life.unfinished()) {
        return fail(require_alive(bundle).error());
    }
    BERTH_CHECK(registry::phase_after(life.phase(), registry::life_step::recommissioned));
    BERTH_CHECK(confirmed(o, bundle, "this allows another life"));
    BERTH_CHECK(add_step(bundle, registry::life_step::recommissioned, o.reason, system_clock()));
    if (c.json) {
        print_json(wire::json::object{{"serial", bundle.identity.serial}, {"phase", "reassignment"}});
    } else {
        fmt::print("{} may be onboarded again. A registrar at which it was decommissioned takes it after berth registrar "
                   "recommission.\n",
                   one_line(bundle.identity.serial));
    }
    return {};
}

}  // namespace

void add_device_lifecycle(CLI::App& device, context& c) {
    auto* const group = device.add_subcommand("lifecycle", "where a device is in its life, its history, and its end");
    group->require_subcommand(1);
    const auto o = std::make_shared<options>();
    auto* const shown =
        group->add_subcommand("show", "the phase, since when, and the history: at the device, its owner, its maker");
    shown->add_option("--bundle", o->bundle, "of a device: its bundle directory");
    shown->add_option("--passphrase-file", o->passphrase_file, "with --bundle: unlocks the device's encrypted keys");
    shown->add_option("--contains", o->contains, "with --bundle: the hash of an entry that somebody has noted before");
    shown->add_option("--serial", o->serial, "of the device's parties: its serial");
    shown->add_option("--dir", o->dir, "with --serial: the directory of a registrar, a MASA or a CA");
    shown->add_option("--maker-root", o->maker_root, "with --serial: the maker's z1.pem, where several makers use the serial");
    shown->callback([o, &c] { c.run([&] { return show(*o, c); }); });

    const auto changing = [&](const char* name, const char* help) {
        auto* const cmd = group->add_subcommand(name, help);
        cmd->add_option("--bundle", o->bundle, "the device's bundle directory")->required();
        cmd->add_option("--passphrase-file", o->passphrase_file,
                        "unlocks the device's encrypted keys (default: what device.toml names)");
        cmd->add_option("--reason", o->reason, "for the history (at most 1000 octets)");
        cmd->add_flag("--yes", o->yes, "do it");
        return cmd;
    };
    changing("decommission", "destroy the customer's keys, certificates and configuration; the maker's identity stays")
        ->callback([o, &c] { c.run([&] { return decommission_device(*o, c); }); });
    changing("recommission", "take a decommissioned device back, for another life")->callback([o, &c] {
        c.run([&] { return recommission_device(*o, c); });
    });
}

}  // namespace berth::app

// berth ownership: who owns which device.
#include "berth/commands/masa_records.h"
#include "common/files.h"
#include "setup/assignments.h"

#include <thread>

namespace berth::app {

namespace {

wire::json::object to_json(const registry::ownership& d, unix_seconds now) {
    const auto at = d.at(now);
    wire::json::object out{{"serial", d.device.serial}, {"device_root_spki", to_hex(d.device.device_root_spki)},
                           {"model", d.model},          {"state", std::string(to_string(at.state))},
                           {"owner", at.owner(now)},    {"successor", at.successor},
                           {"blocked", d.blocked},      {"revoked", d.revoked}};
    if (at.state == registry::ownership_state::released) {
        out["release_effective"] = to_iso8601(at.release_effective);
    }
    const auto configuration = wire::parse_json(d.configuration);
    out["configuration"] = configuration ? *configuration : wire::json::value();
    return out;
}

void show(const context& c, const registry::ownership& d, bool all_of_it = true) {
    const unix_seconds now = system_clock().now();
    if (c.json) {
        return print_json(to_json(d, now));
    }
    const auto at = d.at(now);
    const std::string coming =
        at.successor.empty() ? ""
                             : fmt::format("  from {} to {} at {}", at.customer, at.successor, to_iso8601(at.release_effective));
    fmt::print("{:<24} {:<16} {:<13} owner {}{}{}{}\n", d.device.serial, d.model, to_string(at.state),
               at.owner(now).empty() ? "-" : at.owner(now), coming, d.blocked ? "  BLOCKED" : "", d.revoked ? "  REVOKED" : "");
    if (all_of_it && !d.configuration.empty()) {
        fmt::print("  the manufacturer's configuration for it: {}\n", d.configuration);
    }
}

struct options {
    std::string masa, serial, customer, maker, owner, successor, file;
    bool lift = false;
    bool clear = false;
    bool skip_bad = false;
};

// How many assignments are one commit: some tens of milliseconds of the store's write lock, which the MASA may be waiting for.
constexpr size_t import_batch = 200;

void say_imported(const context& c, const import_plan& plan) {
    if (c.json) {
        wire::json::array refused;
        for (const auto& r : plan.refused) {
            refused.push_back(wire::json::object{{"line", r.line}, {"name", r.why.name}, {"message", r.why.message}});
        }
        return print_json(wire::json::object{
            {"assigned", plan.assign.size()}, {"already_assigned", plan.already}, {"refused", std::move(refused)}});
    }
    for (const auto& r : plan.refused) {
        std::fputs(fmt::format("berth: not imported: {} [{}]\n", r.why.message, r.why.name).c_str(), stderr);
    }
    fmt::print("{} devices assigned{}{}.\n", plan.assign.size(),
               plan.already ? fmt::format(", {} belonged to their customers already", plan.already) : "",
               plan.refused.empty() ? "" : fmt::format(", {} lines left out", plan.refused.size()));
}

}  // namespace

void add_ownership(CLI::App& cli, context& c) {
    auto* const group = cli.add_subcommand("ownership", "who owns which device: assign, release, transfer, block, show");
    group->require_subcommand(1);
    const auto o = std::make_shared<options>();
    const auto with_device = [&](CLI::App* cmd) {
        cmd->add_option("SERIAL", o->serial, "the device's serial")->required();
        cmd->add_option("--maker", o->maker, "first digits of the maker root's hash, when several makers use the serial");
        return cmd;
    };
    // Runs `work` on the device's record and shows what became of it.
    const auto change = [o, &c](auto work) {
        return [o, &c, work] {
            c.run([&]() -> result<void> {
                BERTH_TRY(store, open_masa_store(o->masa));
                BERTH_TRY(device, find_one_device(*store, o->serial, o->maker));
                BERTH_CHECK(work(*store, device, system_clock().now()));
                BERTH_TRY(after, store->find_device(device.device));
                show(c, *after);
                return {};
            });
        };
    };
    using store_t = store::sqlite_masa_store;
    using device_t = registry::ownership;

    auto* const assign = with_device(masa_command(*group, o->masa, "assign", "assign a device that nobody owns to a customer"));
    assign->add_option("CUSTOMER", o->customer, "a registered customer")->required();
    assign->callback(
        change([o](store_t& s, const device_t& d, unix_seconds now) { return s.assign(d.device, o->customer, now); }));

    const auto give_away = [o](store_t& s, const device_t& d, unix_seconds now) -> result<void> {
        if (o->owner == o->successor) {
            return fail(error_category::usage, "same_customer",
                        fmt::format("\"{}\" cannot give a device to itself: name the successor with --to", o->owner));
        }
        BERTH_TRY(verdict, s.release(d.device, o->owner, o->successor, now));
        if (verdict == onboarding::release_verdict::not_owner) {
            const std::string owner = d.owner(now);
            return fail(error{error_category::usage,
                              "not_owner",
                              owner.empty() ? fmt::format("\"{}\" does not own {}: nobody does now", o->owner, o->serial)
                                            : fmt::format("{} belongs to \"{}\", not to \"{}\"", o->serial, owner, o->owner),
                              {{"owner", owner}}});
        }
        if (verdict == onboarding::release_verdict::unknown_successor) {
            return fail(
                error_category::usage, "unknown_customer",
                fmt::format("no customer \"{}\" is registered; register it first (berth customer register)", o->successor));
        }
        return {};
    };
    for (const auto& [name, help] : {std::pair("release", "give a device away, on its owner's word, naming the successor"),
                                     std::pair("transfer", "the same: from one customer to another")}) {
        auto* const cmd = with_device(masa_command(*group, o->masa, name, help));
        cmd->add_option("--owner,--from", o->owner, "the present owner")->required();
        cmd->add_option("--to", o->successor, "the successor, a registered customer")->required();
        cmd->callback(change(give_away));
    }
    auto* const block = with_device(masa_command(*group, o->masa, "block", "refuse a device until the block is lifted"));
    block->add_flag("--lift", o->lift, "lift the block");
    block->callback(
        change([o](store_t& s, const device_t& d, unix_seconds now) { return s.set_blocked(d.device, !o->lift, now); }));
    auto* const revoke = with_device(masa_command(*group, o->masa, "revoke", "refuse a device for ever"));
    revoke->callback(change([](store_t& s, const device_t& d, unix_seconds now) { return s.set_revoked(d.device, now); }));

    auto* const configure =
        with_device(masa_command(*group, o->masa, "configure", "what the manufacturer tells a device in its voucher"));
    auto* const file = configure->add_option("FILE", o->file, "a JSON object of at most 16384 octets; - reads standard input");
    configure->add_flag("--clear", o->clear, "tell it nothing (any more)")->excludes(file);
    configure->callback(change([o](store_t& s, const device_t& d, unix_seconds) -> result<void> {
        std::string json;
        if (!o->clear && o->file.empty()) {
            return fail(error_category::usage, "bad_arguments", "name a FILE with the configuration, or say --clear");
        }
        if (!o->clear) {
            BERTH_TRY(text, read_text(o->file == "-" ? "/dev/stdin" : o->file));
            json = std::move(text);
        }
        auto done = s.set_configuration(d.device, json, system_clock().now());
        return done || o->clear ? done : fail(std::move(done).error().during(o->file).with("file", o->file));
    }));

    auto* const shown = masa_command(*group, o->masa, "show", "show one device's record, or all");
    shown->add_option("SERIAL", o->serial, "the device's serial; none: all");
    shown->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(store, read_masa_store(o->masa));
            onboarding::device_identity after;
            if (!o->serial.empty()) {
                BERTH_TRY(found, store->find_serial(o->serial));
                if (found.empty()) {
                    return fail(error_category::usage, "unknown_device",
                                fmt::format("no device with serial \"{}\" is in the records", o->serial));
                }
                for (const auto& d : found) {
                    show(c, d);
                }
                return {};
            }
            for (;;) {
                BERTH_TRY(some, store->list_devices(500, after));
                for (const auto& d : some) {
                    show(c, d, false);
                    after = d.device;
                }
                if (some.size() < 500) {
                    return {};
                }
            }
        });
    });
    auto* const import = masa_command(
        *group, o->masa, "import", "assign many: a file of SERIAL,CUSTOMER lines, as spreadsheets write them, or of JSON lines");
    import->add_option("FILE", o->file, "the file")->required();
    import->add_option("--maker", o->maker, "first digits of the maker root's hash");
    import->add_flag("--skip-bad-lines", o->skip_bad, "assign what can be assigned, and tell the other lines");
    import->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(store, open_masa_store(o->masa));
            BERTH_TRY(text, read_text(o->file));
            BERTH_TRY(plan, read_assignments(*store, text, o->file, o->maker, system_clock().now()));
            if (!plan.refused.empty() && !o->skip_bad) {
                return fail(plan.mistakes(o->file));
            }
            // As long a pause as the batch took: a MASA that waits for the lock gets it.
            BERTH_CHECK(assign_in_batches(*store, plan.assign, import_batch, system_clock(), [](milliseconds took) {
                std::this_thread::sleep_for(std::chrono::milliseconds(std::clamp<milliseconds>(took, 5, 100)));
            }));
            say_imported(c, plan);
            return {};
        });
    });
}

}  // namespace berth::app

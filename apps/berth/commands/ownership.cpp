// berth ownership: who owns which device.
#include "berth/commands/masa_records.h"
#include "common/files.h"
#include "onboarding/errors.h"
#include "setup/assignments.h"

#include <thread>

namespace berth::app {

namespace {

wire::json::object to_json(const registry::ownership& d, unix_seconds now) {
    const auto at = d.at(now);
    return {{"serial", d.device.serial}, {"device_root_spki", to_hex(d.device.device_root_spki)},
            {"model", d.model},          {"state", std::string(to_string(at.state))},
            {"owner", at.owner(now)},    {"successor", at.successor},
            {"blocked", d.blocked},      {"revoked", d.revoked}};
}

void show(const context& c, const registry::ownership& d) {
    const unix_seconds now = system_clock().now();
    if (c.json) {
        return print_json(to_json(d, now));
    }
    const auto at = d.at(now);
    fmt::print("{:<24} {:<16} {:<13} owner {}{}{}\n", d.device.serial, d.model, to_string(at.state),
               at.owner(now).empty() ? "-" : at.owner(now), d.blocked ? "  BLOCKED" : "", d.revoked ? "  REVOKED" : "");
}

struct options {
    std::string masa, serial, customer, maker, owner, successor, file;
    bool lift = false;
    bool clear = false;
};

// How many assignments are one commit: some tens of milliseconds of the store's write lock, which the MASA may be waiting for.
constexpr size_t import_batch = 200;

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
        BERTH_TRY(verdict, s.release(d.device, o->owner, o->successor, now));
        if (verdict == onboarding::release_verdict::not_owner) {
            return onboarding::refuse("not_owner", fmt::format("\"{}\" is not the owner", o->owner));
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
        return s.set_configuration(d.device, json);
    }));

    auto* const shown = masa_command(*group, o->masa, "show", "show one device's record, or all");
    shown->add_option("SERIAL", o->serial, "the device's serial; none: all");
    shown->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(store, open_masa_store(o->masa));
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
                    show(c, d);
                    after = d.device;
                }
                if (some.size() < 500) {
                    return {};
                }
            }
        });
    });
    auto* const import = masa_command(*group, o->masa, "import", "assign many: a file of SERIAL,CUSTOMER lines or JSON lines");
    import->add_option("FILE", o->file, "the file")->required();
    import->add_option("--maker", o->maker, "first digits of the maker root's hash");
    import->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(store, open_masa_store(o->masa));
            BERTH_TRY(text, read_text(o->file));
            BERTH_TRY(all, read_assignments(*store, text, o->file, o->maker, system_clock().now()));
            // As long a pause as the batch took: a MASA that waits for the lock gets it.
            BERTH_CHECK(assign_in_batches(*store, all, import_batch, system_clock(), [](milliseconds took) {
                std::this_thread::sleep_for(std::chrono::milliseconds(std::clamp<milliseconds>(took, 5, 100)));
            }));
            if (c.json) {
                print_json(wire::json::object{{"assigned", all.size()}});
            } else {
                fmt::print("{} devices assigned.\n", all.size());
            }
            return {};
        });
    });
}

}  // namespace berth::app

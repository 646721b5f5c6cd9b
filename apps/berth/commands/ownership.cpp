// berth customer | ownership | masa log: the manufacturer's records.
#include "berth/commands/commands.h"
#include "common/files.h"
#include "onboarding/errors.h"
#include "setup/assignments.h"
#include "setup/customer.h"
#include "store/sqlite/masa_store.h"
#include "wire/base64.h"
#include "wire/pem.h"

#include <thread>

namespace berth::app {

namespace {

namespace fs = std::filesystem;

result<std::unique_ptr<store::sqlite_masa_store>> open_store(const std::string& masa) {
    const fs::path file = fs::path(masa) / "masa.db";
    BERTH_TRY(there, is_there(file));
    if (!there) {
        return fail(error_category::environment, "file_not_found",
                    fmt::format("{} is not a MASA's directory (no masa.db); berth masa init", masa));
    }
    return store::sqlite_masa_store::open(file.string());
}

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
    std::string masa, serial, customer, maker, owner, successor, file, name, root, proof, key;
    std::vector<std::string> registrars;
    bool lift = false;
};

CLI::App* subcommand(CLI::App& group, const std::shared_ptr<options>& o, const char* name, const char* help) {
    auto* const cmd = group.add_subcommand(name, help);
    cmd->add_option("--masa", o->masa, "the MASA's directory")->required();
    return cmd;
}

void add_customer(CLI::App& cli, context& c) {
    auto* const group = cli.add_subcommand("customer", "the customers whose registrars a MASA serves");
    group->require_subcommand(1);
    const auto o = std::make_shared<options>();
    auto* const cmd =
        subcommand(*group, o, "register", "register a customer's root Z2, with proof that its key is the customer's");
    cmd->add_option("NAME", o->name, "the customer's name")->required();
    cmd->add_option("--root", o->root, "z2.pem")->required();
    cmd->add_option("--proof", o->proof, "the proof that `berth ca prove` made")->required();
    cmd->add_option("--maker-root", o->file, "the manufacturer's z1.pem")->required();
    cmd->add_option("--registrar", o->registrars, "host:port of the customer's registrars, for rendezvous; repeatable");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(store, open_store(o->masa));
            BERTH_TRY(root, read_certificate(o->root));
            BERTH_TRY(maker, read_certificate(o->file));
            BERTH_TRY(text, read_text(o->proof));
            while (!text.empty() && text.back() == '\n') {
                text.pop_back();
            }
            BERTH_TRY(proof, wire::from_base64(text));
            BERTH_CHECK(check_root_proof(proof, root, o->name, maker));
            BERTH_CHECK(store->register_customer({o->name, to_bytes(root.der()), o->registrars}, system_clock().now()));
            if (c.json) {
                print_json(wire::json::object{{"customer", o->name}, {"root_spki", to_hex(root.spki_sha256())}});
            } else {
                fmt::print("{} is registered.\n", o->name);
            }
            return {};
        });
    });
    auto* const list = subcommand(*group, o, "list", "list the registered customers");
    list->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(store, open_store(o->masa));
            BERTH_TRY(customers, store->customers());
            for (const auto& customer : customers) {
                wire::json::array addresses;
                for (const auto& a : customer.registrars) {
                    addresses.emplace_back(a);
                }
                if (c.json) {
                    print_json(wire::json::object{{"customer", customer.name}, {"registrars", addresses}});
                } else {
                    fmt::print("{}\n", customer.name);
                }
            }
            return {};
        });
    });
    auto* const remove = subcommand(*group, o, "remove", "remove a customer: its registrars are refused from now on");
    remove->add_option("NAME", o->name, "the customer's name")->required();
    remove->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(store, open_store(o->masa));
            return store->remove_customer(o->name, system_clock().now());
        });
    });
}

// How many assignments are one commit: some tens of milliseconds of the store's write lock, which the MASA may be waiting for.
constexpr size_t import_batch = 200;

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
                BERTH_TRY(store, open_store(o->masa));
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

    auto* const assign = with_device(subcommand(*group, o, "assign", "assign a device that nobody owns to a customer"));
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
        auto* const cmd = with_device(subcommand(*group, o, name, help));
        cmd->add_option("--owner,--from", o->owner, "the present owner")->required();
        cmd->add_option("--to", o->successor, "the successor, a registered customer")->required();
        cmd->callback(change(give_away));
    }
    auto* const block = with_device(subcommand(*group, o, "block", "refuse a device until the block is lifted"));
    block->add_flag("--lift", o->lift, "lift the block");
    block->callback(
        change([o](store_t& s, const device_t& d, unix_seconds now) { return s.set_blocked(d.device, !o->lift, now); }));
    auto* const revoke = with_device(subcommand(*group, o, "revoke", "refuse a device for ever"));
    revoke->callback(change([](store_t& s, const device_t& d, unix_seconds now) { return s.set_revoked(d.device, now); }));

    auto* const shown = subcommand(*group, o, "show", "show one device's record, or all");
    shown->add_option("SERIAL", o->serial, "the device's serial; none: all");
    shown->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(store, open_store(o->masa));
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
    auto* const import = subcommand(*group, o, "import", "assign many: a file of SERIAL,CUSTOMER lines or JSON lines");
    import->add_option("FILE", o->file, "the file")->required()->check(CLI::ExistingFile);
    import->add_option("--maker", o->maker, "first digits of the maker root's hash");
    import->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(store, open_store(o->masa));
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

void add_log(CLI::App& masa, context& c) {
    auto* const group = masa.add_subcommand("log", "the MASA's audit log");
    group->require_subcommand(1);
    const auto o = std::make_shared<options>();
    auto* const shown = subcommand(*group, o, "show", "print the log, oldest first");
    shown->add_option("--serial", o->serial, "only of this device");
    shown->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(store, open_store(o->masa));
            uint64_t after = 0;
            for (;;) {
                BERTH_TRY(entries, store->audit_entries(after, 500));
                for (const auto& e : entries) {
                    after = e.number;
                    if (!o->serial.empty() && e.what.device.serial != o->serial) {
                        continue;
                    }
                    if (c.json) {
                        print_json(wire::json::object{{"number", e.number},
                                                      {"time", to_iso8601(e.what.at)},
                                                      {"event", e.what.event},
                                                      {"serial", e.what.device.serial},
                                                      {"customer", e.what.customer},
                                                      {"outcome", e.what.outcome},
                                                      {"id", e.what.log_id},
                                                      {"hash", to_hex(e.hash)}});
                    } else {
                        fmt::print("{:>6} {} {:<20} {:<20} {:<16} {}\n", e.number, to_iso8601(e.what.at), e.what.event,
                                   e.what.device.serial, e.what.customer, e.what.outcome);
                    }
                }
                if (entries.size() < 500) {
                    return {};
                }
            }
        });
    });
    auto* const verify = subcommand(*group, o, "verify", "check the hash chain and every signed checkpoint");
    verify->add_option("--key", o->key, "the public key of the checkpoints (default: audit.pub of the MASA's directory)");
    verify->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(store, open_store(o->masa));
            BERTH_TRY(pem, read_text(o->key.empty() ? fs::path(o->masa) / "audit.pub" : fs::path(o->key)));
            BERTH_TRY(blocks, wire::from_pem(pem));
            if (blocks.size() != 1) {
                return fail(error_category::usage, "bad_pem", "the key file must hold one PUBLIC KEY");
            }
            BERTH_TRY(key, crypto::verification_key::from_spki(blocks.front().der.reveal()));
            registry::audit_verifier walk;
            for (;;) {
                BERTH_TRY(entries, store->audit_entries(walk.count(), 500));
                for (const auto& e : entries) {
                    BERTH_CHECK(walk.next(e));
                }
                if (entries.size() < 500) {
                    break;
                }
            }
            BERTH_TRY(checkpoints, store->checkpoints());
            for (const auto& checkpoint : checkpoints) {
                BERTH_CHECK(walk.check(checkpoint, key));
            }
            if (c.json) {
                print_json(wire::json::object{{"ok", true}, {"entries", walk.count()}, {"checkpoints", checkpoints.size()}});
            } else {
                fmt::print("The log is whole: {} entries, {} signed checkpoints.\n", walk.count(), checkpoints.size());
            }
            return {};
        });
    });
}

}  // namespace

void add_records(CLI::App& cli, CLI::App& masa, context& c) {
    add_customer(cli, c);
    add_ownership(cli, c);
    add_log(masa, c);
}

}  // namespace berth::app

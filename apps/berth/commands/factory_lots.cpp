// berth factory personalise | log verify | labels | registration: devices by the lot.
#include "berth/commands/device_options.h"
#include "berth/commands/lot_options.h"
#include "common/files.h"
#include "common/words.h"
#include "crypto/random.h"
#include "setup/lot_export.h"
#include "setup/lot_order.h"

namespace berth::app {

namespace {

namespace fs = std::filesystem;

// What an order says takes the place of what the options are when nothing is said.
void take_order(const lot_order& ordered, personalise_order& into) {
    device_order device = ordered.device;
    device.factory_passphrase = std::move(into.device.factory_passphrase);
    device.passphrase_file = std::move(into.device.passphrase_file);
    device.tpm = std::move(into.device.tpm);
    into.device = std::move(device);
    into.backend = ordered.backend;
    into.customer = ordered.customer;
    into.customer_root = ordered.customer_root;
    into.configuration = ordered.configuration();
    into.files = ordered.files();
}

void add_personalise(CLI::App& group, context& c) {
    struct options {
        device_options device;
        lot_options lot;
        personalise_order order;
        std::string order_file;
    };
    const auto o = std::make_shared<options>();
    auto* const cmd = group.add_subcommand(
        "personalise", "make many devices, in several stations at once; a signed log accounts for every unit");
    o->device.add_to(*cmd);
    o->lot.add_to(*cmd);
    o->lot.add_serials_to(*cmd);
    auto* const customer =
        cmd->add_option("--customer", o->order.customer, "give the devices to this customer at once, in the MASA's records");
    auto* const by_order = cmd->add_option(
        "--order", o->order_file,
        "order.toml: the device and whose it is, its image's digest, reference values of its registers, its settings");
    by_order->excludes(customer);
    for (const char* said_there : device_options::of_an_order) {
        by_order->excludes(cmd->get_option(said_there));
    }
    cmd->add_flag("--clear-interrupted", o->order.clear_interrupted,
                  "after a run that was killed, with its units in their stations still: what keys their chips have and no record "
                  "speaks of are deleted and made anew");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(device, o->device.read());
            BERTH_TRY(lot, o->lot.read());
            personalise_order& order = o->order;
            order.factory = o->device.factory;
            order.masa = o->device.masa;
            order.device = std::move(device);
            order.backend = o->device.backend;
            if (!o->order_file.empty()) {
                BERTH_TRY(ordered, read_lot_order(o->order_file));
                take_order(ordered, order);
            }
            order.station = o->lot.station;
            order.lot = std::move(lot);
            lot_display display(c);
            BERTH_TRY(done, personalise(order, system_clock(), crypto::system_random(), display));
            display.summary(done, order.lot.out);
            return {};
        });
    });
}

const char* word(unit_state state) {
    switch (state) {
    case unit_state::begun: return "interrupted";
    case unit_state::made: return "made";
    case unit_state::failed: return "failed";
    case unit_state::planned: break;
    }
    return "not begun";
}

// Why a unit has failed, as the log has it.
const wire::json::object* reason_of(const lot_account& account, const std::string& serial) {
    const log_line* const line = account.last_word(serial);
    const auto* const why =
        line != nullptr && account.state_of(serial) == unit_state::failed ? line->if_contains("error") : nullptr;
    return why != nullptr && why->is_object() ? &why->get_object() : nullptr;
}

void say_verified(const context& c, const lot_report& report, const std::string& file) {
    const lot_account& account = report.account;
    const auto count = [&account](unit_state state) { return account.count(state); };
    if (c.json) {
        wire::json::array open;
        for (size_t i = 0; i < account.serials().size(); ++i) {
            const std::string serial = account.serials().at(i);
            if (const auto state = account.state_of(serial); state == unit_state::begun || state == unit_state::failed) {
                wire::json::object told{{"serial", serial}, {"state", word(state)}};
                if (const auto* const why = reason_of(account, serial)) {
                    told["error"] = *why;
                }
                open.push_back(std::move(told));
            }
        }
        return print_json(wire::json::object{{"log", file},
                                             {"lines", report.lines},
                                             {"unsigned_lines", report.unsigned_lines},
                                             {"half_a_line", report.half_a_line},
                                             {"units", account.serials().size()},
                                             {"made", count(unit_state::made)},
                                             {"loaded", account.loaded()},
                                             {"failed", count(unit_state::failed)},
                                             {"interrupted", count(unit_state::begun)},
                                             {"not_begun", count(unit_state::planned)},
                                             {"not_detached", account.not_detached()},
                                             {"without_device", std::move(open)}});
    }
    fmt::print(
        "{}: {} lines in order{}. Of {} units {} are made, {} failed, {} were interrupted, {} are not begun.\n", file,
        report.lines,
        report.unsigned_lines == 0
            ? ", all signed"
            : fmt::format(", the last {} of which are not signed: the line was killed, or works still", report.unsigned_lines),
        account.serials().size(), count(unit_state::made), count(unit_state::failed), count(unit_state::begun),
        count(unit_state::planned));
    if (account.first()->contains("order")) {
        fmt::print("They are a contract line's: {} of them have their certificates.\n", account.loaded());
    }
    if (account.not_detached() != 0) {
        fmt::print("{} times a unit stayed in its station: --detach failed.\n", account.not_detached());
    }
    for (size_t i = 0; i < account.serials().size(); ++i) {
        const std::string serial = account.serials().at(i);
        if (const auto state = account.state_of(serial); state == unit_state::begun || state == unit_state::failed) {
            const auto* const why = reason_of(account, serial);
            fmt::print("  {:<24} {}{}\n", one_line(serial), word(state),
                       why == nullptr ? ""
                                      : fmt::format(": {} [{}]", one_line(wire::text_member(*why, "message").value_or("")),
                                                    one_line(wire::text_member(*why, "name").value_or(""))));
        }
    }
}

// A log, and whose it must be.
struct log_options {
    std::string file, key, dir;

    void add_to(CLI::App& command) {
        command.add_option("LOG", file, "production.jsonl, or the directory of its lot")->required();
        command.add_option("--key", key, "production.pub of the factory or line, kept elsewhere");
        command.add_option(
            "--dir", dir,
            "the factory's or line's directory, whose production.pub is believed unless --key is given; of a line's "
            "lot also the factory's that ordered it");
    }
    [[nodiscard]] fs::path log() const {
        std::error_code ec;
        return fs::is_directory(file, ec) ? fs::path(file) / production_log_file : fs::path(file);
    }
    [[nodiscard]] result<log_trust> trust() const { return trust_for(log(), dir, key); }
};

void add_log_key(CLI::App& group, context& c) {
    struct options {
        std::string dir, passphrase_file;
    };
    const auto o = std::make_shared<options>();
    auto* const cmd = group.add_subcommand(
        "key", "make the key that signs a factory's production logs and its orders, if there is none; where its public half is");
    cmd->add_option("--dir", o->dir, "the factory's directory")->required();
    cmd->add_option("--passphrase-file", o->passphrase_file, "of the factory's encrypted keys, this one among them");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(passphrase, read_passphrase(o->passphrase_file));
            BERTH_TRY(key, production_key(o->dir, passphrase, crypto::system_random()));
            const std::string file = (fs::path(o->dir) / "production.pub").string();
            if (c.json) {
                print_json(wire::json::object{{"file", file},
                                              {"algorithm", std::string(name_of(key->algorithm()))},
                                              {"sha256", to_hex(key->public_key().spki_sha256())}});
            } else {
                fmt::print("{}: keep a copy elsewhere, for berth factory log verify --key; contract lines need it, too\n", file);
            }
            return {};
        });
    });
}

void add_log(CLI::App& factory, context& c) {
    auto* const group = factory.add_subcommand("log", "what a production line has done");
    group->require_subcommand(1);
    add_log_key(*group, c);
    const auto o = std::make_shared<log_options>();
    auto* const cmd =
        group->add_subcommand("verify", "whether a production log is whole and signed, and what became of each unit");
    o->add_to(*cmd);
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(trust, o->trust());
            BERTH_TRY(report, verify_lot(o->log(), trust));
            say_verified(c, report, o->log().string());
            return {};
        });
    });
}

// Adds a command that makes a text of a lot's finished units.
template <class F>
void add_export(CLI::App& command, context& c, const F& text_of) {
    struct options {
        log_options log;
        std::string out;
    };
    const auto o = std::make_shared<options>();
    o->log.add_to(command);
    command.add_option("--out", o->out, "the file; none: standard output");
    command.callback([o, &c, text_of] {
        c.run([&]() -> result<void> {
            BERTH_TRY(trust, o->log.trust());
            BERTH_TRY(report, verify_lot(o->log.log(), trust));
            BERTH_TRY(units, finished_units(o->log.log(), report));
            BERTH_TRY(text, text_of(o->log.log().parent_path(), units, trust));
            if (o->out.empty()) {
                std::fputs(text.c_str(), stdout);
                return {};
            }
            BERTH_CHECK(write_text(o->out, text));
            if (c.json) {
                print_json(wire::json::object{{"file", o->out}, {"units", units.size()}});
            } else {
                fmt::print("{}: {} units\n", o->out, units.size());
            }
            return {};
        });
    });
}

void add_exports(CLI::App& factory, context& c) {
    add_export(*factory.add_subcommand("labels", "a table (CSV) of a lot's devices, for labels that are printed on them"), c,
               [](const fs::path&, const std::vector<finished_unit>& units, const log_trust&) -> result<std::string> {
                   return labels_csv(units);
               });
    auto* const cmd = factory.add_subcommand("registration", "a lot's devices for a cloud's registry, each by its certificate");
    const auto family = std::make_shared<bool>(false);
    cmd->add_flag("--family", *family, "the CAs that issued the certificates, in place of each device");
    add_export(*cmd, c, [family](const fs::path& lot, const std::vector<finished_unit>& units, const log_trust& trust) {
        return registrations(lot, units, trust, system_clock().now(),
                             *family ? registration_kind::family : registration_kind::single);
    });
}

}  // namespace

void add_factory_lots(CLI::App& factory, context& c) {
    add_personalise(factory, c);
    add_log(factory, c);
    add_exports(factory, c);
}

}  // namespace berth::app

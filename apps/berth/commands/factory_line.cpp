// berth factory order make | line init, make, load | issue: devices that a contract manufacturer makes, offline.
#include "berth/commands/lot_options.h"
#include "common/files.h"
#include "common/words.h"
#include "crypto/random.h"
#include "setup/line_issue.h"
#include "setup/line_units.h"

namespace berth::app {

namespace {

namespace fs = std::filesystem;

using refused_files = std::vector<std::pair<std::string, error>>;

// What was done, and the files that were not taken; these make the exit code.
void say_files(context& c, wire::json::object done, const std::string& text, const refused_files& refused) {
    wire::json::array told;
    for (const auto& [file, why] : refused) {
        told.push_back(wire::json::object{{"file", file}, {"error", to_json(why)}});
        c.exit = exit_code(why.category);
        if (!c.json) {
            // Both are the other side's words.
            std::fputs(fmt::format("berth: {}: {} [{}]\n", one_line(file), one_line(why.message), why.name).c_str(), stderr);
        }
    }
    if (c.json) {
        done["refused"] = std::move(told);
        return print_json(done);
    }
    fmt::print("{}{}.\n", text, refused.empty() ? "" : fmt::format(", {} files were refused", refused.size()));
}

void add_order(CLI::App& factory, context& c) {
    auto* const group = factory.add_subcommand("order", "orders for contract lines");
    group->require_subcommand(1);
    struct options {
        std::string dir, masa, order, line, out, passphrase_file;
        lot_options lot;
    };
    const auto o = std::make_shared<options>();
    auto* const cmd =
        group->add_subcommand("make", "order units from a contract line: for that line alone to read, and so many of them");
    cmd->add_option("--dir", o->dir, "the factory's directory")->required();
    cmd->add_option("--masa", o->masa, "the MASA's directory")->required();
    cmd->add_option("--order", o->order, "order.toml: what is ordered")->required();
    cmd->add_option("--line", o->line, "line.json of the line, from a hand that you trust")->required();
    cmd->add_option("--out", o->out, "the sealed order, for the line")->required();
    cmd->add_option("--passphrase-file", o->passphrase_file, "unlocks the factory's encrypted keys");
    o->lot.add_serials_to(*cmd);
    cmd->get_option("--count")->description("units that are ordered, which is the line's quota");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(order, read_lot_order(o->order));
            BERTH_TRY(serials, o->lot.read_serial_plan());
            BERTH_TRY(line, line_identity::read(o->line));
            BERTH_TRY(passphrase, read_passphrase(o->passphrase_file));
            const size_t units = serials.size();
            const std::string name = line.name;
            BERTH_CHECK(refuse_existing(o->out));
            BERTH_TRY(made, make_line_order(
                                {o->dir, o->masa, std::move(order), std::move(serials), std::move(line), std::move(passphrase)},
                                crypto::system_random()));
            BERTH_CHECK(write_text(o->out, made.text));
            if (c.json) {
                print_json(wire::json::object{{"order", made.id}, {"units", units}, {"line", name}, {"file", o->out}});
            } else {
                fmt::print("Order {} of {} units, for {} alone, is in {}. There: berth factory line make --order {}\n", made.id,
                           units, name, o->out, o->out);
            }
            return {};
        });
    });
}

void add_line_init(CLI::App& group, context& c) {
    struct options {
        std::string dir, name, maker, passphrase_file;
    };
    const auto o = std::make_shared<options>();
    auto* const cmd = group.add_subcommand("init", "make a contract line's keys, and line.json that it is known by");
    cmd->add_option("--dir", o->dir, "the line's directory")->required();
    cmd->add_option("--name", o->name, "the line's name")->required();
    cmd->add_option("--maker-key", o->maker, "production.pub of the manufacturer whose orders are taken")->required();
    cmd->add_option("--passphrase-file", o->passphrase_file, "encrypt the line's keys with this file's first line");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(passphrase, read_passphrase(o->passphrase_file));
            BERTH_TRY(line, line_init(o->dir, o->name, o->maker, passphrase, crypto::system_random()));
            if (c.json) {
                print_json(wire::json::object{{"line", line.name}, {"file", o->dir + "/line.json"}});
            } else {
                fmt::print("Line {} stands in {}. Give {}/line.json to the manufacturer: berth factory order make --line\n",
                           line.name, o->dir, o->dir);
            }
            return {};
        });
    });
}

void add_line_make(CLI::App& group, context& c) {
    struct options {
        std::string dir, order, passphrase_file;
        lot_options lot;
        bool clear = false;
    };
    const auto o = std::make_shared<options>();
    auto* const cmd =
        group.add_subcommand("make", "make the keys of an order's units in them, and requests for their certificates");
    cmd->add_option("--dir", o->dir, "the line's directory")->required();
    cmd->add_option("--order", o->order, "the sealed order")->required();
    cmd->add_option("--passphrase-file", o->passphrase_file, "unlocks the line's encrypted keys");
    o->lot.add_to(*cmd);
    cmd->add_flag("--clear-interrupted", o->clear,
                  "after a run that was killed, with its units in their stations still: their keys are deleted and made anew");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            line_make what;
            what.line = o->dir;
            BERTH_TRY(order, read_text(o->order));
            BERTH_TRY(lot, o->lot.read());
            BERTH_TRY(passphrase, read_passphrase(o->passphrase_file));
            what.order = std::move(order);
            what.station = o->lot.station;
            what.clear_interrupted = o->clear;
            what.lot = std::move(lot);
            what.passphrase = std::move(passphrase);
            lot_display display(c);
            BERTH_TRY(done, make_line_units(what, system_clock(), crypto::system_random(), display));
            display.summary(done, what.lot.out);
            return {};
        });
    });
}

void add_line_load(CLI::App& group, context& c) {
    struct options {
        std::string dir, from, passphrase_file, station, attach, detach;
    };
    const auto o = std::make_shared<options>();
    auto* const cmd =
        group.add_subcommand("load", "answer the challenges, and load the certificates, that have come from the manufacturer");
    cmd->add_option("--dir", o->dir, "the line's directory")->required();
    cmd->add_option("--replies", o->from, "the directory of the files that came")->required();
    cmd->add_option("--passphrase-file", o->passphrase_file, "unlocks the line's encrypted keys");
    lot_options::add_stations_to(*cmd, o->station, o->attach, o->detach);
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(passphrase, read_passphrase(o->passphrase_file));
            BERTH_TRY(done, load_line_units({o->dir, o->from, o->station, o->attach, o->detach, std::move(passphrase)},
                                            system_clock(), crypto::system_random()));
            say_files(c, {{"answered", done.answered}, {"loaded", done.loaded}, {"loaded_before", done.before}},
                      fmt::format("{} challenges are answered{}, {} units are complete now{}", done.answered,
                                  done.answered == 0 ? "" : " (answers/ goes to the manufacturer)", done.loaded,
                                  done.before == 0 ? "" : fmt::format(", {} were before", done.before)),
                      done.failed);
            return {};
        });
    });
}

void add_issue(CLI::App& factory, context& c) {
    struct options {
        std::string dir, masa, requests, out, passphrase_file;
        std::vector<std::string> makers;
    };
    const auto o = std::make_shared<options>();
    auto* const cmd =
        factory.add_subcommand("issue", "challenges for a contract line's requests, and certificates for its answers");
    cmd->add_option("--dir", o->dir, "the factory's directory")->required();
    cmd->add_option("--masa", o->masa, "the MASA's directory, whose records the devices go into")->required();
    cmd->add_option("--requests", o->requests, "the directory of the files that the line has sent")->required();
    cmd->add_option("--out", o->out, "directory for the files that go to the line")->required();
    cmd->add_option("--tpm-makers", o->makers, "PEM file of TPM makers' roots and CAs, repeatable: needed for units with a TPM");
    cmd->add_option("--passphrase-file", o->passphrase_file, "unlocks the factory's encrypted keys");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(passphrase, read_passphrase(o->passphrase_file));
            BERTH_TRY(done,
                      issue_for_line(
                          {o->dir, o->masa, o->requests, o->out, {o->makers.begin(), o->makers.end()}, std::move(passphrase)},
                          system_clock(), crypto::system_random()));
            say_files(
                c, {{"challenged", done.challenged}, {"granted", done.granted}, {"granted_before", done.granted_before}},
                fmt::format("{} units are asked to show where their keys are, {} were given their certificates{}",
                            done.challenged, done.granted,
                            done.granted_before == 0 ? "" : fmt::format(", {} the same ones once more", done.granted_before)),
                done.refused);
            return {};
        });
    });
}

}  // namespace

void add_factory_line(CLI::App& factory, context& c) {
    add_order(factory, c);
    auto* const line = factory.add_subcommand("line", "a contract line: it makes devices offline, without a CA's key");
    line->require_subcommand(1);
    add_line_init(*line, c);
    add_line_make(*line, c);
    add_line_load(*line, c);
    add_issue(factory, c);
}

}  // namespace berth::app

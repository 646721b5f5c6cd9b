// berth demo: a manufacturer, two customers and a batch of devices on this machine, whose keys are in files, in a TPM or in an
// STSAFE-A; real processes, real sockets. Shows every step of an onboarding, the attacks that must fail, and where the keys are.
#include "base/log.h"
#include "berth/commands/commands.h"
#include "berth/commands/demo_board.h"
#include "berth/commands/demo_hub.h"
#include "berth/commands/demo_keys.h"
#include "berth/commands/own_directory.h"
#include "common/files.h"
#include "common/words.h"
#include "crypto/random.h"
#include "crypto/version.h"
#include "device/installation.h"
#include "device/onboarding_run.h"
#include "scene/attacks.h"
#include "scene/chips.h"
#include "store/sqlite/masa_store.h"

#include <csignal>

namespace berth::app {

namespace {

namespace fs = std::filesystem;

constexpr milliseconds device_wait = 60'000;
constexpr milliseconds interrupt_look = 100;  // a signal does not wake the event loop

volatile std::sig_atomic_t interrupted = 0;

struct outcome {
    std::string serial, customer, backend, key_lives_in, result;
    milliseconds took = 0;
    size_t steps = 0;
};

class demonstration {
public:
    demonstration(fs::path directory, size_t devices, bool keep, bool json)
        : directory_(std::move(directory)), devices_(devices), keep_(keep), json_(json), board_(on_terminal(), json) {}

    // What was interrupted did not fail, whatever its parts say that ended in the middle: Ctrl-C reaches them, too.
    result<void> run() {
        auto done = scenes();
        if (interrupted && !over_) {
            return fail(error_category::environment, "interrupted", "interrupted before the end; what was started is stopped");
        }
        return done;
    }

private:
    result<void> scenes() {
        const clock& time = system_clock();
        const milliseconds began = time.steady();
        board_.heading("A manufacturer, two customers, three kinds of servers");
        BERTH_TRY(works, chip_works::open(directory_ / "chips"));
        works_ = std::move(works);
        BERTH_CHECK(works_->begin_tpm(serial_of(2)));  // it takes seconds, which pass meanwhile
        world::options how;
        how.directory = directory_;
        BERTH_TRY(made, world::make(how, time, crypto::system_random()));
        world_ = std::move(made);
        board_.good(
            fmt::format("Acme Devices: roots and issuing CA ML-DSA-65, MASA on {} (keys mlkem768_p256: current and spare)",
                        world_->kk1().text()));
        for (const auto& c : world_->customers()) {
            board_.good(fmt::format("{}: its own root and CA (ML-DSA-65), registrar on {}", c.name, c.kk2.text()));
        }
        board_.print(fmt::format("  {} processes, {}; no handshake below is signed by anybody: each is authenticated by a KEM\n",
                                 1 + world_->customers().size(), crypto::openssl_version_text()));
        BERTH_CHECK(onboard_batch());
        BERTH_CHECK(refusals());
        table();
        BERTH_CHECK(where_keys_live());
        BERTH_CHECK(the_hub());
        BERTH_CHECK(look_around());
        if (interrupted) {
            return {};
        }
        over_ = true;
        const milliseconds took = time.steady() - began;
        board_.print(fmt::format("\nDone in {:.1f} s.\n", static_cast<double>(took) / 1000));
        if (failures_ > 0) {
            return fail(error_category::internal, "demo_failed",
                        fmt::format("{} of the scenes did not end as they must", failures_));
        }
        if (json_) {
            print_json(wire::json::object{{"ok", true}, {"scenes", outcomes_.size()}, {"ms", took}, {"commands", commands_}});
        }
        if (keep_) {
            wait_for_interrupt();
        }
        return {};
    }

    // ---- the batch

    static std::string serial_of(size_t number) { return fmt::format("SN-{:04}", number); }
    static std::string backend_of(size_t number) { return device_backends[(number - 1) % device_backends.size()]; }
    // Bundles lie apart by who keeps their keys.
    [[nodiscard]] fs::path shelf(const std::string& backend) const { return directory_ / "devices" / backend; }

    // The chip of a device that has one, switched on, and the next TPM begun.
    result<void> power_chip(size_t number) {
        const std::string backend = backend_of(number);
        if (backend == "software") {
            return {};
        }
        BERTH_TRY(made, works_->take(backend, serial_of(number), [] { return interrupted != 0; }));
        chips_.push_back(std::move(made));
        const size_t next = number + device_backends.size();
        return backend == "tpm2" && next <= devices_ ? works_->begin_tpm(serial_of(next)) : result<void>();
    }

    result<void> onboard_batch() {
        board_.heading(
            fmt::format("{} devices are powered on, one after the other; D = device, R = registrar, M = MASA", devices_));
        for (size_t i = 1; i <= devices_ && !interrupted; ++i) {
            const std::string serial = serial_of(i);
            const std::string backend = backend_of(i);
            const std::string customer = world_->customers()[(i - 1) % world_->customers().size()].name;
            auto order = world_->order_for(serial, customer);
            order.direct = i == devices_ && devices_ > 2;  // the last goes to its MASA directly (claim 4)
            BERTH_CHECK(power_chip(i));
            if (backend != "software") {
                chips_.back().place_keys(order);
            }
            BERTH_TRY(bundle, world_->make_device(order, customer, backend));
            BERTH_TRY(lives_in, where_identity_lives(bundle));
            const milliseconds began = system_clock().steady();
            BERTH_TRY(code, run_agent(serial, bundle));
            if (interrupted) {
                return {};
            }
            board_.draw(serial, true);
            const bool good = code == 0 && board_.steps_seen(serial) == 14;
            failures_ += good ? 0 : 1;
            outcomes_.push_back({serial, customer, backend, lives_in, code == 0 ? "onboarded" : "FAILED",
                                 system_clock().steady() - began, board_.steps_seen(serial)});
            if (good) {
                board_.good(fmt::format("{} belongs to {}: {} and its configuration{}", serial, customer,
                                        certificates_of(backend), order.direct ? "; KK3 was direct" : ""));
            } else {
                board_.bad(fmt::format("{} was not onboarded (exit code {}): {}", serial, code, last_refusal_));
            }
            if (backend != "software" && !keep_ && i > device_backends.size()) {
                chips_.pop_back();  // switched off: hundreds of them are no demonstration
            }
        }
        return {};
    }

    static std::string certificates_of(const std::string& backend) {
        if (backend == "software") {
            return "three certificates (ECDSA P-256, ML-DSA-65, ML-KEM-768 with P-256)";
        }
        return fmt::format("two certificates (ECDSA P-256, ML-KEM-768 with P-256), whose P-256 keys its {} made,",
                           backend == "tpm2" ? "TPM" : "STSAFE-A");
    }

    // berth-agent as a process; its steps and the servers' are drawn as they come.
    result<int> run_agent(const std::string& serial, const fs::path& bundle) {
        BERTH_TRY(program, sibling_program("berth-agent"));
        board_.begin(serial, system_clock().steady());
        BERTH_TRY(agent, child_process::start(program, {"--bundle", bundle.string(), "--once", "--json"}));
        const milliseconds until = system_clock().steady() + device_wait;
        last_refusal_.clear();
        while (!agent.ended() && system_clock().steady() < until && !interrupted) {
            const auto events = world_->events(20, {&agent});
            const milliseconds now = system_clock().steady();
            for (const auto& e : events) {
                board_.take(e.process == "masa" ? "masa" : "registrar", e.line, now);
            }
            for (const auto& text : agent.take_error_lines()) {
                if (auto line = wire::parse_json_object(text)) {
                    (*line)["serial"] = serial;
                    board_.take("device", *line, now);
                    if (const auto name = wire::text_member(*line, "error")) {
                        last_refusal_ = *name;
                    }
                }
            }
            board_.draw(serial, false);
        }
        for (int i = 0; i < 10 && board_.steps_seen(serial) < 14 && !interrupted; ++i) {  // the last lines of the servers
            for (const auto& e : world_->events(20)) {
                board_.take(e.process == "masa" ? "masa" : "registrar", e.line, system_clock().steady());
            }
        }
        return agent.exit_code().value_or(-1);
    }

    // ---- what must fail

    void expect(const std::string& serial, const std::string& what, const std::string& wanted, const std::string& got) {
        if (interrupted) {
            return;
        }
        const bool good = got == wanted;
        failures_ += good ? 0 : 1;
        outcomes_.push_back({serial, "", "", "", good ? "refused: " + got : "UNEXPECTED: " + got, 0, 0});
        if (good) {
            board_.good(fmt::format("{}: refused with `{}`", what, got));
        } else {
            board_.bad(fmt::format("{}: expected `{}`, got `{}`", what, wanted, got.empty() ? "an onboarding" : got));
        }
    }

    // Onboards in this process; the refusal's name, empty when it was onboarded.
    std::string try_onboarding(const device_bundle& bundle) {
        net::loop loop;
        std::string refused;
        const milliseconds until = system_clock().steady() + device_wait;
        net::timer limit(loop);
        const std::function<void()> look = [&] {
            if (interrupted || system_clock().steady() >= until) {
                refused = "no answer";
                return loop.stop();
            }
            limit.arm(interrupt_look, look);
        };
        look();
        run_options options;
        options.once = true;
        onboarding_run run(loop, bundle, options, system_clock(), crypto::system_random(), [&](const run_report& r) {
            refused = r.ok ? "" : r.why ? alert_of(*r.why) : "unknown";
            loop.stop();
        });
        run.start();
        loop.run();
        return refused;
    }

    result<void> refusals() {
        if (interrupted) {
            return {};
        }
        const std::string birch = world_->customers()[0].name;
        const std::string cedar = world_->customers()[1].name;
        board_.heading("What must not be possible");

        BERTH_TRY(stray, world_->make_device(world_->order_for("SN-STRAY", birch), "", "software"));
        BERTH_TRY(stray_bundle, device_bundle::open(stray));
        expect("SN-STRAY", "a device that was never assigned, at the registrar of " + birch, "not_assigned",
               try_onboarding(stray_bundle));

        BERTH_TRY(others, world_->make_device(world_->order_for("SN-OTHER", birch), cedar, "software"));
        BERTH_TRY(others_bundle, device_bundle::open(others));
        expect("SN-OTHER", fmt::format("a device of {}, at the registrar of {}", cedar, birch), "not_assigned",
               try_onboarding(others_bundle));

        BERTH_TRY(middle, registrar_in_the_middle::start(*world_, world_->customer(cedar), directory_ / "mallory"));
        auto order = world_->order_for("SN-MITM", birch);
        order.registrars = {middle->kk2().text()};
        BERTH_TRY(lured, world_->make_device(order, birch, "software"));
        BERTH_TRY(lured_bundle, device_bundle::open(lured));
        expect("SN-MITM", "a registrar in the middle, between a device and " + birch, "registrar_mismatch",
               try_onboarding(lured_bundle));
        middle.reset();

        BERTH_TRY(original, world_->make_device(world_->order_for("SN-CLONE", birch), birch, "software"));
        BERTH_TRY(clone, device_bundle::open(original));
        clone.p3 = key_of_a_clone(clone.p3->public_key(), crypto::system_random());
        expect("SN-CLONE", "a clone that has the certificate but not the key (its Finished does not verify)", "decrypt_error",
               try_onboarding(clone));

        BERTH_TRY(onboarded, device_bundle::open(shelf("software") / serial_of(1)));
        const auto refused = play_registrar(*world_, onboarded, "device-kem");
        expect("SN-0001", "an onboarded device that plays registrar at the MASA with its customer's KEM certificate",
               "bad_certificate", refused ? alert_of(*refused) : "");
        return {};
    }

    // The alert that the other side sent, where it was one; else the error's name.
    static std::string alert_of(const error& e) {
        for (const auto& [key, value] : e.params) {
            if (key == "peer_alert") {
                return value;
            }
        }
        return e.name;
    }

    // ---- the end

    void table() const {
        if (interrupted) {
            return;
        }
        board_.heading("Table");
        const auto row = [this](const std::string& device, const std::string& customer, const std::string& lives_in,
                                const std::string& result, const std::string& took, const std::string& steps) {
            board_.print(
                fmt::format("  {:<9} {:<13} {:<35} {:<28} {:>6} {:>6}\n", device, customer, lives_in, result, took, steps));
        };
        const auto or_dash = [](const std::string& text) { return text.empty() ? "-" : text; };
        row("device", "customer", "key lives in", "result", "ms", "steps");
        for (const auto& o : outcomes_) {
            row(o.serial, or_dash(o.customer), or_dash(o.key_lives_in), o.result, o.took ? std::to_string(o.took) : "-",
                o.steps ? fmt::format("{}/14", o.steps) : "-");
            if (json_) {
                print_json(wire::json::object{{"device", o.serial},
                                              {"customer", o.customer},
                                              {"backend", o.backend},
                                              {"key_lives_in", o.key_lives_in},
                                              {"result", o.result},
                                              {"ms", o.took},
                                              {"steps", o.steps}});
            }
        }
    }

    // One device of each back end: every key is opened where it is said to be, and is the one that was certified. Then what
    // everybody can look for: private keys in files.
    result<void> where_keys_live() {
        if (interrupted) {
            return {};
        }
        board_.heading("Where each key lives, as who keeps it says");
        board_.print(
            fmt::format("  {:<9} {:<11} {:<18} {:<54} {}\n", "device", "key", "algorithm", "lives in", "can be copied out"));
        for (size_t i = 1; i <= device_backends.size(); ++i) {
            BERTH_TRY(keys, ask_holders(shelf(backend_of(i)) / serial_of(i)));
            for (const auto& k : keys) {
                board_.print(fmt::format("  {:<9} {:<11} {:<18} {:<54} {}\n", serial_of(i), k.name, k.algorithm, k.place,
                                         k.exportable ? "yes" : "no"));
                failures_ += k.backend == backend_of(i) ? 0 : 1;
                if (json_) {
                    print_json(wire::json::object{{"device", serial_of(i)},
                                                  {"key", k.name},
                                                  {"algorithm", k.algorithm},
                                                  {"backend", k.backend},
                                                  {"lives_in", k.place},
                                                  {"exportable", k.exportable}});
                }
            }
        }
        const std::string of_files = grep_for_private_keys({shelf("software") / serial_of(1)});
        const std::string of_chips = grep_for_private_keys({shelf("tpm2"), shelf("stsafe")});
        BERTH_TRY(in_files, run_grep(of_files));
        BERTH_TRY(in_chips, run_grep(of_chips));
        board_.print(fmt::format("  $ {}\n", of_files));
        judge(!in_files.empty(), fmt::format("{} files: keys in files are found", in_files.size()));
        board_.print(fmt::format("  $ {}\n", of_chips));
        judge(in_chips.empty(), in_chips.empty() ? "none: no private key of a device with a chip is in a file"
                                                 : fmt::format("private keys: {}", fmt::join(in_chips, ", ")));
        if (json_) {
            print_json(wire::json::object{{"command", of_chips}, {"private_keys", in_chips.size()}});
        }
        commands_.emplace_back(of_chips);
        return {};
    }

    void judge(bool good, const std::string& text) {
        failures_ += good ? 0 : 1;
        good ? board_.good(text) : board_.bad(text);
    }

    result<void> the_hub() {
        if (interrupted) {
            return {};
        }
        board_.heading("A hub: devices of one registered CA, over MQTT");
        // One whose keys its TPM made, where there is one.
        const size_t number = std::min<size_t>(devices_, 2);
        const hub_visitor visitor{shelf(backend_of(number)) / serial_of(number), serial_of(number),
                                  world_->customers()[(number - 1) % world_->customers().size()]};
        BERTH_TRY(seen, show_hub(directory_ / "hub", visitor, [] { return interrupted != 0; }));
        if (interrupted) {
            return {};
        }
        board_.good(
            fmt::format("a CA has proved to have its key; berthd keeps Mosquitto on {} and {} (ML-DSA-65, X25519MLKEM768 alone)",
                        seen.mqtt, seen.provisioning));
        judge(seen.placed, seen.placed ? "dev-3, of that CA, asks where it belongs, is made known there, goes there and publishes"
                                       : "dev-3 was not placed");
        if (seen.sdk) {
            judge(*seen.sdk, *seen.sdk ? "dev-2 publishes by Azure's own SDK, unmodified (azure-iot-device on Node 24)"
                                       : "dev-2 did not publish by Azure's SDK");
        } else {
            board_.print("  - Azure's SDK is not installed (scripts/bootstrap --with azure): no device comes by it\n");
        }
        const std::string keys = backend_of(number) == "software" ? "" : ", with the key in its chip";
        judge(seen.onboarded.has_value(),
              seen.onboarded
                  ? fmt::format("{}, onboarded above, is told the way by its customer, and goes on by itself{}: its twin says {}",
                                visitor.name, keys, wire::to_text(*seen.onboarded))
                  : fmt::format("{}, onboarded above, did not get to the hub", visitor.name));
        judge(seen.cut, seen.cut ? fmt::format("dev-1 is disabled while it is connected: cut off after {} ms", seen.cut_ms)
                                 : "dev-1 was disabled and stayed connected");
        judge(seen.stays_out, seen.stays_out ? "and refused when it comes again" : "dev-1 came in again");
        if (json_) {
            print_json(wire::json::object{
                {"hub", wire::json::object{{"placed", seen.placed},
                                           {"sdk", seen.sdk ? wire::json::value(*seen.sdk) : wire::json::value(nullptr)},
                                           {"onboarded", seen.onboarded.has_value()},
                                           {"cut", seen.cut},
                                           {"cut_ms", seen.cut_ms},
                                           {"stays_out", seen.stays_out}}}});
        }
        return {};
    }

    result<void> look_around() {
        if (interrupted) {
            return {};
        }
        board_.heading("Look around");
        const fs::path installed = shelf("software") / serial_of(1) / "installed";
        const std::string chain = shell_word((installed / "device-pq.pem").string());
        const std::string verify = fmt::format("{} verify -CAfile {} -untrusted {} {}", shell_word(BERTH_OPENSSL_COMMAND),
                                               shell_word((installed / "domain-root.pem").string()), chain, chain);
        board_.print(fmt::format("  $ {}\n", verify));
        BERTH_TRY(openssl, child_process::start("/bin/sh", {"-c", verify}));
        while (!openssl.ended()) {
            poll_children({&openssl}, 100);
        }
        for (const auto& lines : {openssl.take_output_lines(), openssl.take_error_lines()}) {
            for (const auto& text : lines) {
                board_.print("    " + text + "\n");
            }
        }
        failures_ += openssl.exit_code() == 0 ? 0 : 1;
        if (!keep_) {
            board_.print("  berth demo --keep (make demo KEEP=1) keeps the servers running, and prints the commands to look "
                         "around with.\n");
            return {};
        }
        const std::string registrar = shell_word(world_->customers()[0].registrar.string());
        const std::string masa = shell_word(world_->masa().string());
        const std::string bundle = shell_word((shelf("software") / serial_of(1)).string());
        BERTH_TRY(program, sibling_program("berth"));
        for (const auto& command :
             {fmt::format("masa log show --masa {}", masa), fmt::format("masa log verify --masa {}", masa),
              fmt::format("ownership show --masa {}", masa), fmt::format("registrar devices --dir {}", registrar),
              fmt::format("registrar devices SN-0001 --dir {}", registrar), fmt::format("device show --bundle {}", bundle),
              fmt::format("registrar config set --default FILE --dir {}", registrar),
              fmt::format("device config --bundle {}", bundle),
              fmt::format("key show {}", shell_word(chips_[0].key("0x81020000"))),
              fmt::format("key show {}", shell_word(chips_[1].key("slot=1")))}) {
            const std::string whole = shell_word(program.string()) + " " + command;
            board_.print(fmt::format("  $ {}\n", whole));
            commands_.emplace_back(whole);
        }
        return {};
    }

    void wait_for_interrupt() {
        board_.print(fmt::format("\nEverything is kept in {} and goes on running; Ctrl-C ends it.\n", directory_.string()));
        while (!interrupted) {
            (void)world_->events(500);
        }
        world_->stop();
    }

    fs::path directory_;
    size_t devices_;
    bool keep_;
    bool json_;
    demo_board board_;
    std::unique_ptr<chip_works> works_;
    std::vector<chip> chips_;  // switched on
    std::unique_ptr<world> world_;
    std::vector<outcome> outcomes_;
    wire::json::array commands_;  // to look around with
    std::string last_refusal_;
    int failures_ = 0;
    bool over_ = false;  // all scenes were shown: what comes now may be interrupted
};

}  // namespace

void add_demo(CLI::App& cli, context& c) {
    struct options {
        size_t devices = 4;
        bool keep = false;
        std::string dir;
    };
    const auto o = std::make_shared<options>();
    auto* const cmd = cli.add_subcommand(
        "demo", "show a whole onboarding on this machine, the attacks that must fail, and where each key lives");
    cmd->add_option("--devices", o->devices,
                    "how many devices are onboarded (4); their keys are in turn in files, in a TPM (swtpm) and in an STSAFE-A "
                    "(stsafe-sim), so 3 at least")
        ->check(CLI::Range(3, 1000));
    cmd->add_flag("--keep", o->keep, "leave the servers and the chips running and the files in place until Ctrl-C");
    cmd->add_option("--dir", o->dir, "where to keep everything, new or empty (a temporary directory)");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            std::signal(SIGINT, [](int) { interrupted = 1; });
            std::signal(SIGTERM, [](int) { interrupted = 1; });
            fs::path directory = o->dir;
            if (directory.empty()) {
                BERTH_TRY(made, make_temporary_directory("berth-demo"));
                directory = made;
            } else {
                BERTH_TRY(given, absolute_path(directory));
                directory = given;
                BERTH_CHECK(take_directory(directory, "berth demo"));
            }
            log::configure(log::level::error, log::format::text);
            auto done = [&] { return demonstration(directory, o->devices, o->keep, c.json).run(); }();
            if (!o->keep && o->dir.empty()) {
                std::error_code ignored;
                fs::remove_all(directory, ignored);
            }
            return done;
        });
    });
}

}  // namespace berth::app

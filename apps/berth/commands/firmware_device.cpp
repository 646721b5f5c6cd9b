// berth firmware: what a device does with a release.
#include "berth/commands/firmware.h"
#include "common/files.h"
#include "common/progress.h"
#include "common/words.h"
#include "crypto/random.h"
#include "updating/installer.h"

#include <csignal>

namespace berth::app {

namespace {

namespace json = wire::json;

struct options {
    install_options install;
    std::string slots_directory, hook, counter;
    std::vector<std::string> cas, others;
    unsigned element_key = 0, battery = 0, attempts = 8;
    uint64_t factory_seq = 0, piece = 1024 * 1024;
    bool has_battery = false, has_factory_seq = false;
};

volatile std::sig_atomic_t ended = 0;

// SIGTERM and SIGINT end the work between two pieces: what has come stays.
still_wanted until_ended() {
    for (const int signal : {SIGTERM, SIGINT}) {
        std::signal(signal, [](int) { ended = 1; });
    }
    return [] {
        return ended != 0
                   ? result<void>(fail(error_category::environment, "cancelled",
                                       "Ended before it was done; what has come is kept, and the next run goes on from there."))
                   : result<void>{};
    };
}

result<slots_ptr> slots_of(const options& o) {
    if (o.hook.empty() == o.slots_directory.empty()) {
        return fail(error_category::usage, "missing_option",
                    "Say where the slots are: --slots DIR, or --hook PROGRAM of the device's maker; one of them.");
    }
    return o.hook.empty() ? directory_slots(o.slots_directory) : program_slots(o.hook);
}

result<std::unique_ptr<security_counter>> counter_of(const options& o) {
    return open_counter(o.counter.empty() ? "file:" + (o.install.state / "counter").string() : o.counter);
}

// One line for people, or one object.
progress_report report_to(const context& c) {
    if (c.json) {
        return [](const json::object& event) { print_json(event); };
    }
    return [](const json::object& event) {
        const auto what = std::string(event.at("event").as_string());
        const auto number = [&](const char* name) { return event.at(name).to_number<uint64_t>(); };
        const auto text = [&](const char* name) { return one_line(std::string(event.at(name).as_string())); };
        if (what == "progress") {
            fmt::print("{}: {} of {} octets\n", text("component"), number("have"), number("size"));
        } else if (what == "retry") {
            fmt::print("{} Trying again in {} s\n", text("message"), (number("wait_ms") + 999) / 1000);
        } else if (what == "chosen") {
            fmt::print("seq {} ({}) is to be installed\n", number("seq"), text("version"));
        } else if (what == "delta") {
            fmt::print("{}: {} octets of delta made {} octets\n", text("component"), number("octets"), number("size"));
        } else {
            fmt::print("{}\n", one_line(wire::to_text(event)));
        }
        std::fflush(stdout);
    };
}

json::object as_json(const installer& it) {
    const auto& r = it.record();
    json::object out{{"state", to_string(r.at)},
                     {"slot", it.place().slot},
                     {"installed_seq", r.installed_seq},
                     {"security_counter", it.counted()},
                     {"list_version", r.list.list_version}};
    if (!r.installed_version.empty()) {
        out["installed_version"] = r.installed_version;
    }
    if (!firmware::at_rest(r.at) || r.at == firmware::state::returned) {
        out["seq"] = r.seq;
        out["version"] = r.version;
        out["target"] = r.target;
    }
    const auto trial = firmware::look(r, it.place());
    out["trial"] = trial == firmware::trial::running     ? "running"
                   : trial == firmware::trial::waiting   ? "waiting"
                   : trial == firmware::trial::came_back ? "came_back"
                                                         : "none";
    json::array returned;
    for (const auto seq : r.returned) {
        returned.push_back(json::value(seq));
    }
    out["returned"] = std::move(returned);
    return out;
}

struct at_work {
    slots_ptr where;
    std::unique_ptr<security_counter> counter;
    std::optional<installer> it;
};

result<at_work> begin(const options& o, installer::purpose why = installer::purpose::work) {
    at_work out;
    BERTH_TRY(where, slots_of(o));
    BERTH_TRY(counter, counter_of(o));
    out.where = std::move(where);
    out.counter = std::move(counter);
    BERTH_TRY(it, installer::open(o.install.state, *out.where, *out.counter, why));
    out.it.emplace(std::move(it));
    return out;
}

result<void> tell(const context& c, const installer& it, const char* sentence) {
    if (c.json) {
        print_json(as_json(it));
    } else {
        fmt::print("{}\n", sentence);
    }
    return {};
}

result<void> install(const context& c, const options& given) {
    auto o = given;
    for (const auto& text : o.others) {
        BERTH_TRY(named, named_value(text, "--other"));
        BERTH_TRY(seq, whole_number(named.second, "--other"));
        o.install.others[named.first] = seq;
    }
    o.install.repository.cas.assign(o.cas.begin(), o.cas.end());
    o.install.repository.limits.most_failures = o.attempts;
    o.install.repository.limits.piece = o.piece;
    o.install.element_key = static_cast<uint8_t>(o.element_key);
    if (o.has_battery) {
        o.install.battery_percent = o.battery;
    }
    if (o.has_factory_seq) {
        o.install.factory_seq = o.factory_seq;
    }
    BERTH_TRY(work, begin(o));
    BERTH_TRY(outcome, work.it->install(o.install, system_clock(), crypto::system_random(), until_ended(), report_to(c)));
    switch (outcome) {
    case install_outcome::up_to_date: return tell(c, *work.it, "Nothing newer is there.");
    case install_outcome::switched:
        return tell(
            c, *work.it,
            "Written and verified. The next start tries it; it has to say `berth firmware confirm` then, or the old one comes "
            "back.");
    case install_outcome::trial_running:
        return tell(c, *work.it,
                    "What runs is being tried: say `berth firmware confirm`, or start anew to have the old one back.");
    }
    return {};
}

result<void> confirm(const context& c, const options& o) {
    BERTH_TRY(work, begin(o));
    BERTH_CHECK(work.it->confirm([](const json::object&) {}));
    return tell(c, *work.it, "It holds from now on.");
}

result<void> revert(const context& c, const options& o) {
    BERTH_TRY(work, begin(o));
    BERTH_CHECK(work.it->give_up([](const json::object&) {}));
    return tell(c, *work.it, "Given up; the next start is in the old slot.");
}

result<void> status(const context& c, const options& o) {
    BERTH_TRY(work, begin(o, installer::purpose::look));
    const auto said = as_json(*work.it);
    if (c.json) {
        print_json(said);
        return {};
    }
    for (const auto& [name, value] : said) {
        fmt::print("{}: {}\n", std::string_view(name),
                   one_line(value.is_string() ? std::string(value.get_string()) : wire::to_text(value)));
    }
    return {};
}

result<void> boot(const context& c, const options& o) {
    BERTH_TRY(slot, boot_directory(o.slots_directory));
    if (c.json) {
        print_json(json::object{{"slot", slot}});
    } else {
        fmt::print("slot {} runs\n", slot);
    }
    return {};
}

result<void> new_counter(const context& c, const options& o) {
    BERTH_TRY(name, make_counter(o.counter));
    if (c.json) {
        print_json(json::object{{"counter", name}});
    } else {
        fmt::print("{}\n", name);
    }
    return {};
}

}  // namespace

void add_firmware_device(CLI::App& group, context& c) {
    const auto add = [&](const char* name, const char* about, result<void> (*work)(const context&, const options&)) {
        const auto o = std::make_shared<options>();
        auto* const command = group.add_subcommand(name, about);
        command->callback([o, &c, work] { c.run([&] { return work(c, *o); }); });
        return std::pair(command, o);
    };
    const auto device = [](CLI::App* command, const std::shared_ptr<options>& o) {
        command->add_option("--state", o->install.state, "DIR with what the device keeps of its firmware")->required();
        command->add_option("--slots", o->slots_directory, "DIR with the slots a and b as directories: to try it out");
        command->add_option("--hook", o->hook, "PROGRAM of the device's maker that knows the slots (docs/firmware.md)");
        command
            ->add_option("--counter", o->counter,
                         "the security counter: file:PATH (default: in --state), tpm2:0x01800100;base=N, "
                         "stsafe:zone=5;base=N;device=/dev/i2c-1")
            ->type_name("NAME");
    };
    {
        const auto [command, o] = add("install", "fetch, verify and write what is newest, or go on with it", install);
        device(command, o);
        auto& i = o->install;
        command->add_option("--repository", i.repository.url, "https://... or http://...: of the directory that was published")
            ->type_name("URL")
            ->required();
        command->add_option("--root", i.root, "FILE with the root that the maker gave the device; needed the first time");
        command->add_option("--vendor", i.vendor, "of this device")->required();
        command->add_option("--class", i.device_class, "of this device")->required();
        command->add_option("--revision", i.revision, "of its hardware");
        command->add_option("--ring", i.ring, "that it belongs to: it may have what is for that ring alone");
        command->add_option("--ca", o->cas, "who may vouch for an https server (default: this system's CAs); again for each")
            ->type_name("FILE");
        command->add_option("--other", o->others, "seq of another part of this device; again for each")->type_name("CLASS=SEQ");
        command
            ->add_option_function<unsigned>(
                "--battery",
                [p = o.get()](unsigned value) {
                    p->battery = value;
                    p->has_battery = true;
                },
                "its charge in percent")
            ->check(CLI::Range(0, 100));
        command->add_option_function<uint64_t>(
            "--factory-seq",
            [p = o.get()](uint64_t value) {
                p->factory_seq = value;
                p->has_factory_seq = true;
            },
            "seq of what the factory installed; counts the first time");
        command->add_flag("--again", i.again, "also what was tried here and did not hold");
        command->add_flag("--no-clock", i.no_clock, "this device has no clock: nothing is judged to have expired");
        command->add_option("--element", i.element, "an STSAFE-A that has to verify the manifest, too: stsafe:device=/dev/i2c-1")
            ->type_name("URI");
        command->add_option("--element-key", o->element_key, "the zone with the key that `berth se firmware trust` put there")
            ->type_name("SLOT")
            ->check(CLI::Range(0, 255));
        command->add_option("--attempts", o->attempts, "failures in a row before it gives up until the next run (default 8)")
            ->check(CLI::Range(1, 100));
        command->add_option("--piece", o->piece, "octets of one request (default 1 MiB)")
            ->check(CLI::Range(1024, 16 * 1024 * 1024));
    }
    for (const auto& [name, about, work] : {std::tuple("confirm", "what runs is good: for the program that knows", &confirm),
                                            std::tuple("revert", "give up what is under way, or take a trial back", &revert),
                                            std::tuple("status", "how far it has come", &status)}) {
        const auto [command, o] = add(name, about, work);
        device(command, o);
    }
    {
        const auto [command, o] = add("boot", "what a boot loader does at a start, with slots that are directories", boot);
        command->add_option("--slots", o->slots_directory, "DIR with the slots a and b")->required();
    }
    {
        const auto [command, o] = add("counter", "make a security counter in a TPM, and print its name", new_counter);
        command->add_option("--make", o->counter, "tpm2:0x01800100[;tcti=NAME]: an NV index that is free")
            ->type_name("NAME")
            ->required();
    }
}

}  // namespace berth::app

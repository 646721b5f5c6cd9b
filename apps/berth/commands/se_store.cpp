// berth se store, counter, password: the zones of an STSAFE-A.
#include "berth/commands/octets.h"
#include "berth/commands/se.h"
#include "common/files.h"
#include "common/words.h"
#include "keystore/stsafe/credentials.h"
#include "keystore/stsafe/password.h"
#include "keystore/stsafe/usage.h"

namespace berth::app {

namespace {

namespace st = keystore::stsafe;

struct store_options {
    element_options element;
    std::string name, in, out, readable_by, writable_by;
    std::optional<uint8_t> zone;
    bool final = false;
    bool replace = false;
};

struct counter_options {
    element_options element;
    uint8_t zone = 0;
    uint32_t by = 1;
};

struct password_options {
    element_options element;
    uint8_t tries = 3;
    std::vector<std::string> guarded;
};

// Commands that a password may be put in front of.
const std::map<std::string, uint8_t> guardable{{"read", 0x05}, {"update", 0x06},    {"decrement", 0x04},
                                               {"sign", 0x16}, {"establish", 0x18}, {"unwrap", 0x0f}};

std::optional<st::zone_condition> condition_named(const std::string& word) {
    for (const auto c :
         {st::zone_condition::anybody, st::zone_condition::host, st::zone_condition::entity, st::zone_condition::nobody}) {
        if (word == st::name_of(c)) {
            return c;
        }
    }
    return std::nullopt;
}

void tell_place(const context& c, const std::string& name, uint8_t zone, const char* what) {
    if (c.json) {
        print_json(wire::json::object{{"name", name}, {"zone", zone}});
    } else {
        fmt::print("{} is {} zone {}.\n", one_line(name), what, zone);
    }
}

result<void> put(const context& c, const store_options& o) {
    BERTH_TRY(secret, read_input(o.in));
    BERTH_TRY(element, opened_element::open(o.element));
    st::credential_options how{.zone = o.zone,
                               .reading = condition_named(o.readable_by),
                               .writing = condition_named(o.writable_by),
                               .final = o.final,
                               .replace = o.replace,
                               .entity_proved = !o.element.entity.empty()};
    BERTH_TRY(zone, st::put_credential(element.chip(), o.name, secret, how));
    tell_place(c, o.name, zone, "in");
    return {};
}

result<void> get(const context& c, const store_options& o) {
    BERTH_TRY(element, opened_element::open(o.element));
    BERTH_TRY(secret, st::get_credential(element.chip(), o.name));
    return write_output(c, o.out, "secret", secret.reveal());
}

result<void> remove(const context& c, const store_options& o) {
    BERTH_TRY(element, opened_element::open(o.element));
    BERTH_TRY(zone, st::remove_credential(element.chip(), o.name));
    tell_place(c, o.name, zone, "gone from");
    return {};
}

result<void> list(const context& c, const store_options& o) {
    BERTH_TRY(element, opened_element::open(o.element));
    BERTH_TRY(zones, st::list_zones(element.chip()));
    const auto condition = [](st::zone_condition by, bool may_change) {
        return std::string(st::name_of(by)) + (may_change ? "" : ", for ever");
    };
    if (!c.json) {
        fmt::print("{:<6}{:>6}  {:<12}{:<26}{:<19}{}\n", "zone", "octets", "holds", "name", "readable by", "writable by");
    }
    for (const auto& z : zones) {
        if (c.json) {
            wire::json::object line{{"zone", z.zone},
                                    {"octets", z.size},
                                    {"holds", std::string(st::name_of(z.content))},
                                    {"readable_by", std::string(st::name_of(z.reading))},
                                    {"writable_by", std::string(st::name_of(z.writing))},
                                    {"readable_by_may_change", z.reading_may_change},
                                    {"writable_by_may_change", z.writing_may_change}};
            if (z.content == st::zone_content::credential) {
                line["name"] = z.name;
                line["secret_octets"] = z.secret_size;
            }
            print_json(line);
        } else {
            fmt::print("{:<6}{:>6}  {:<12}{:<26}{:<19}{}\n", z.zone, z.size, st::name_of(z.content), one_line(z.name),
                       condition(z.reading, z.reading_may_change), condition(z.writing, z.writing_may_change));
        }
    }
    return {};
}

result<void> show_counters(const context& c, const counter_options& o) {
    BERTH_TRY(element, opened_element::open(o.element));
    BERTH_TRY(counters, st::read_counters(element.chip()));
    for (const auto& counter : counters) {
        if (c.json) {
            print_json(wire::json::object{{"zone", counter.zone}, {"left", counter.left}});
        } else {
            fmt::print("zone {}: {} left\n", counter.zone, counter.left);
        }
    }
    return {};
}

result<void> use_counter(const context& c, const counter_options& o) {
    BERTH_TRY(element, opened_element::open(o.element));
    BERTH_TRY(left, st::use_counter(element.chip(), o.zone, o.by));
    if (c.json) {
        print_json(wire::json::object{{"zone", o.zone}, {"used", o.by}, {"left", left}});
    } else {
        fmt::print("zone {}: {} used, {} left\n", o.zone, o.by, left);
    }
    return {};
}

result<void> set_password(const context& c, const password_options& o) {
    BERTH_TRY(word, read_passphrase(o.element.password_file));
    element_options without = o.element;
    without.password_file.clear();  // the chip has none that could be shown
    BERTH_TRY(element, opened_element::open(without));
    bytes guarded;
    for (const auto& command : o.guarded) {
        guarded.push_back(guardable.at(command));
    }
    BERTH_CHECK(st::set_password(element.chip(), *word, o.tries, guarded));
    if (c.json) {
        print_json(wire::json::object{{"tries", o.tries}, {"guarded", wire::json::array(o.guarded.begin(), o.guarded.end())}});
    } else {
        fmt::print("The chip has a password; {} wrong ones block it for ever.\n", o.tries);
    }
    return {};
}

CLI::Option* add_zone(CLI::App& command, std::optional<uint8_t>& zone, const char* what) {
    return command.add_option("--zone", zone, what)->type_name("ZONE");
}

}  // namespace

void add_se_store(CLI::App& group, context& c) {
    auto* const store = group.add_subcommand("store", "credentials in the chip's zones, and who may read and replace them");
    store->require_subcommand(1);
    const auto o = std::make_shared<store_options>();
    const auto add = [&](const char* name, const char* about, result<void> (*work)(const context&, const store_options&)) {
        auto* const command = store->add_subcommand(name, about);
        add_chip(*command, o->element);
        add_password(*command, o->element);
        add_entity(*command, o->element);
        command->callback([o, &c, work] { c.run([&] { return work(c, *o); }); });
        return command;
    };
    const auto named = [&](CLI::App* command) {
        command->add_option("NAME", o->name, "the credential's name, up to 64 octets")->required();
        return command;
    };
    auto* const putting = named(add("put", "put a secret into an empty zone, under a name", put));
    putting->add_option("--in", o->in, "FILE with the secret (default: standard input)");
    add_zone(*putting, o->zone,
             "this zone, rather than the smallest empty one that it fits into (never zones 0 to 3 by itself, where identities "
             "and keys are)");
    auto* const reading =
        putting
            ->add_option(
                "--readable-by", o->readable_by,
                "anybody; host: who comes with the host key; entity: the host with an entity that proved itself (STSAFE-A120)")
            ->check(CLI::IsMember({"anybody", "host", "entity"}));
    auto* const writing =
        putting->add_option("--writable-by", o->writable_by, "anybody, host, entity, or nobody: then it stays there for ever")
            ->check(CLI::IsMember({"anybody", "host", "entity", "nobody"}));
    putting->add_flag("--final", o->final, "--readable-by and --writable-by may never change again");
    putting->add_flag("--replace", o->replace, "take the place of the credential of that name");
    named(add("get", "print a credential, or write it into a file", get))
        ->add_option("--out", o->out, "where it goes to, mode 0600 (default: standard output)");
    add("list", "what each zone holds, and who may read and write it", list);
    named(add("remove", "overwrite a credential; its zone keeps its conditions", remove));
    for (auto* const condition : {reading, writing}) {
        condition->type_name("WHO");
    }
}

void add_se_counter(CLI::App& group, context& c) {
    auto* const counter = group.add_subcommand("counter", "the chip's one-way counters of use");
    counter->require_subcommand(1);
    const auto o = std::make_shared<counter_options>();
    const auto add = [&](const char* name, const char* about, result<void> (*work)(const context&, const counter_options&)) {
        auto* const command = counter->add_subcommand(name, about);
        add_chip(*command, o->element);
        add_password(*command, o->element);
        command->callback([o, &c, work] { c.run([&] { return work(c, *o); }); });
        return command;
    };
    add("show", "what is left in each", show_counters);
    auto* const using_it = add("use", "lower one, once, whatever the bus does", use_counter);
    using_it->add_option("--zone", o->zone, "of the counter")->type_name("ZONE")->required();
    using_it->add_option("--by", o->by, "by how much (1)")->type_name("N")->check(CLI::Range(1U, 0xffffffffU));
}

void add_se_password(CLI::App& group, context& c) {
    auto* const password = group.add_subcommand("password", "the chip's password");
    password->require_subcommand(1);
    const auto o = std::make_shared<password_options>();
    auto* const setting = password->add_subcommand("set", "give one to a chip that has none and is not yet at work, for good");
    add_chip(*setting, o->element);
    setting->add_option("--password-file", o->element.password_file, "its first line is the password, up to 16 octets")
        ->required();
    setting->add_option("--tries", o->tries, "how many wrong ones block it for ever (3)")
        ->type_name("N")
        ->check(CLI::Range(1, 255));
    setting
        ->add_option("--guard", o->guarded,
                     "a command that only who has shown the password may give: read, update, decrement, sign, establish, unwrap "
                     "(may be repeated). Once in the chip's life")
        ->type_name("COMMAND")
        ->check(CLI::IsMember({"read", "update", "decrement", "sign", "establish", "unwrap"}));
    setting->callback([o, &c] { c.run([&] { return set_password(c, *o); }); });
}

}  // namespace berth::app

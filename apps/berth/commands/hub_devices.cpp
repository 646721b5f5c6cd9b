// berth hub device: which devices and modules there are, and whether they may log in.
#include "berth/commands/hub_access.h"
#include "common/files.h"
#include "common/progress.h"
#include "common/words.h"
#include "crypto/random.h"
#include "registry/hub/event_json.h"
#include "registry/hub/identity_json.h"
#include "setup/hub_import.h"
#include "store/sqlite/connection_store.h"

#include <fstream>
#include <thread>

namespace berth::app {

namespace {

using namespace registry;

struct options {
    std::string hub, name, reason, group, tags, primary, secondary, way, keys_file, if_match, file, after, filter, device;
    std::vector<std::string> certificates;
    bool disabled = false, no_group = false, modules = false, skip_bad = false, keys = false, follow = false;
    size_t most = 0;
    uint64_t from = 0;
};

// `connections`: of the store that it was found in.
result<void> show(const context& c, store::sqlite_connection_store& connections, const identity& i) {
    BERTH_TRY(connection, connections.facts_of(i.name));
    if (c.json) {
        print_json(to_json(i, connection));
        return {};
    }
    const auto& s = i.settings;
    fmt::print("{:<32} {:<9} {:<20} {}{}{}{}\n", i.name.text(), s.enabled ? "enabled" : "disabled", to_string(s.login.way),
               connection.connected   ? "connected since " + to_iso8601(connection.changed)
               : i.last_activity == 0 ? "never seen"
                                      : "last seen " + to_iso8601(i.last_activity),
               connection.messages_waiting > 0 ? fmt::format("  {} messages wait", connection.messages_waiting) : "",
               s.group.empty() ? "" : "  group " + one_line(s.group),
               s.status_reason.empty() ? "" : "  (" + one_line(s.status_reason) + ")");
    return {};
}
result<void> show(const context& c, const options& o, store::sqlite_hub_store& store, const identity& i) {
    store::sqlite_connection_store connections(store, o.hub);
    return show(c, connections, i);
}

result<identity> read_one(hub_registry& hub, const options& o) {
    BERTH_TRY(found, require_identity(hub, o.name));
    if (!o.if_match.empty()) {
        BERTH_CHECK(check_etag(found, o.if_match));
    }
    return found;
}

// What the options say, on top of `out`.
result<void> read_settings(const options& o, identity_settings& out) {
    if (!o.way.empty()) {
        const auto way = o.way == "ca"     ? login_way::certificate_authority
                         : o.way == "none" ? login_way::none
                         : o.way == "sas"  ? login_way::shared_key
                                           : login_way::thumbprint;
        if (way != out.login.way) {
            out.login = {way, std::nullopt, std::nullopt};
        }
    }
    std::vector<std::optional<thumbprint>*> places{&out.login.primary, &out.login.secondary};
    const auto take = [&](const thumbprint& print, std::optional<thumbprint>& place) {
        out.login.way = login_way::thumbprint;
        place = print;
    };
    for (size_t i = 0; i < o.certificates.size(); ++i) {
        BERTH_TRY(certificate, read_certificate(o.certificates[i]));
        take(certificate.sha256(), *places.at(i));
    }
    if (!o.primary.empty()) {
        BERTH_TRY(print, thumbprint_from_text(o.primary));
        take(print, out.login.primary);
    }
    if (!o.secondary.empty()) {
        BERTH_TRY(print, thumbprint_from_text(o.secondary));
        take(print, out.login.secondary);
    }
    if (!o.group.empty() || o.no_group) {
        out.group = o.group;
    }
    if (!o.tags.empty()) {
        BERTH_TRY(tags, wire::parse_json_object(o.tags, most_tags));
        out.tags = tags.empty() ? "" : wire::to_text(tags);
    }
    if (!o.reason.empty()) {
        out.status_reason = o.reason;
    }
    return check_settings(out);
}

void add_settings(CLI::App& cmd, const std::shared_ptr<options>& o) {
    auto* const certificates = cmd.add_option("--certificate", o->certificates,
                                              "a file with the one certificate that it logs in with (self-signed will "
                                              "do); twice: the second takes over some day");
    certificates->expected(1)->take_all();
    cmd.add_option("--thumbprint", o->primary, "the same by the certificate's SHA-256")->excludes(certificates);
    cmd.add_option("--second-thumbprint", o->secondary, "of the one that takes over some day")->excludes(certificates);
    cmd.add_option("--login", o->way, "ca: by a registered CA (default); thumbprint; sas: by a shared key; none: not at all")
        ->check(CLI::IsMember({"ca", "thumbprint", "sas", "none"}));
    cmd.add_option(
        "--keys-file", o->keys_file,
        "with --login sas: a file with the primary key, and in its second line the other one, in base64; default: drawn");
    auto* const group = cmd.add_option("--group", o->group, "whose policy says what it may do");
    group->check([](const std::string& name) { return name.empty() ? "no group: --no-group says so" : std::string(); });
    cmd.add_flag("--no-group", o->no_group, "the default policy's")->excludes(group);
    cmd.add_option("--tags", o->tags, "a JSON object");
    cmd.add_option("--reason", o->reason, "why it is enabled or disabled");
}

identity_query query_of(const options& o, const std::optional<identity_name>& after) {
    identity_query out;
    out.modules = o.modules;
    if (!o.device.empty()) {
        out.device = o.device;
    }
    if (!o.filter.empty()) {
        out.enabled = o.filter == "enabled";
    }
    if (!o.group.empty() || o.no_group) {
        out.group = o.group;
    }
    if (after) {
        out.after = *after;
    }
    return out;
}

result<void> list(const context& c, const options& o) {
    BERTH_TRY(store, read_hub_store(o.hub));
    store::sqlite_connection_store connections(*store, o.hub);
    std::optional<identity_name> after;
    if (!o.after.empty()) {
        BERTH_TRY(name, parse_identity_name(o.after));
        after = name;
    }
    for (size_t left = o.most == 0 ? SIZE_MAX : o.most; left > 0;) {
        auto query = query_of(o, after);
        query.most = std::min<size_t>(left, 1'000);
        BERTH_TRY(some, store->list(query));
        for (const auto& i : some) {
            BERTH_CHECK(show(c, connections, i));
        }
        left -= some.size();
        if (some.size() < query.most) {
            break;
        }
        after = some.back().name;
    }
    return {};
}

result<void> import_file(const context& c, const options& o) {
    constexpr size_t batch = 2'000;
    BERTH_TRY(store, open_hub_store(o.hub));
    std::ifstream in(o.file, std::ios::binary);
    if (!in) {
        return cannot("reading", o.file);
    }
    BERTH_TRY(plan, judge_import(*store, in, o.file));
    if (plan.refused > 0 && !o.skip_bad) {
        error e = plan.mistakes(o.file);
        e.message += "\nNothing was imported. --skip-bad-lines imports the others.";
        return fail(std::move(e));
    }
    in.clear();
    in.seekg(0);
    if (!in) {
        return fail(error_category::usage, "bad_import", o.file + " is read twice, first to judge it: name a file, not a pipe");
    }
    const auto progress = [&](uint64_t lines) {
        if (!c.json && on_terminal()) {
            fmt::print("\r{} lines", lines);
            std::fflush(stdout);
        }
    };
    const milliseconds began = system_clock().steady();
    BERTH_TRY(done, import_identities(*store, in, o.file, batch, crypto::system_random(), system_clock(), progress));
    const double seconds = static_cast<double>(system_clock().steady() - began) / 1000;
    if (c.json) {
        wire::json::array refused;
        for (const auto& r : done.why) {
            refused.push_back(wire::json::object{{"line", r.line}, {"name", r.why.name}, {"message", r.why.message}});
        }
        print_json(wire::json::object{{"added", done.added},
                                      {"already", done.already},
                                      {"refused", done.refused},
                                      {"seconds", seconds},
                                      {"why", std::move(refused)}});
        return {};
    }
    for (const auto& r : done.why) {
        std::fputs(fmt::format("berth: not imported: {} [{}]\n", r.why.message, r.why.name).c_str(), stderr);
    }
    fmt::print("{}{} added{}{}, in {:.1f} s.\n", on_terminal() ? "\r" : "", done.added,
               done.already ? fmt::format(", {} were there already", done.already) : "",
               done.refused ? fmt::format(", {} lines left out", done.refused) : "", seconds);
    return {};
}

constexpr std::chrono::milliseconds follow_pace{100};

result<void> events(const context& c, const options& o) {
    BERTH_TRY(store, read_hub_store(o.hub));
    for (uint64_t after = o.from;;) {
        BERTH_TRY(some, store->events(after, 1'000));
        for (const auto& e : some) {
            if (c.json) {
                print_json(registry::to_json(e));
            } else {
                fmt::print("{:>8}  {}  {:<9} {}\n", e.number, to_iso8601(e.at), to_string(e.what), e.name.text());
            }
            after = e.number;
        }
        if (some.empty() && !o.follow) {
            return {};
        }
        if (some.empty()) {
            std::this_thread::sleep_for(follow_pace);
        } else if (std::fflush(stdout) != 0) {
            return {};  // whoever listened has gone
        }
    }
}

}  // namespace

void add_hub_devices(CLI::App& hub, context& c) {
    auto* const group = hub.add_subcommand("device", "devices and modules: add, list, disable, delete, import");
    group->require_subcommand(1);
    const auto o = std::make_shared<options>();
    const auto run = [&c](CLI::App* cmd, auto work) { cmd->callback([&c, work] { c.run(work); }); };
    const auto with_name = [o](CLI::App* cmd) {
        cmd->add_option("NAME", o->name, "DEVICE, or DEVICE/MODULE")->required();
        return cmd;
    };
    const auto changing = [o, &with_name](CLI::App* cmd) {
        with_name(cmd)->add_option("--if-match", o->if_match, "the etag that it was read with: fail if it was changed since");
        return cmd;
    };
    // Changes the settings and shows what became of them.
    // Keys that are there stay, unless others are given.
    const auto with_keys = [o](store::sqlite_hub_store& store, const identity& who, bool has_some) -> result<identity> {
        const bool wanted = !o->keys_file.empty() || (o->way == "sas" && !has_some);
        return wanted ? give_keys(store, who, o->keys_file) : who;
    };
    const auto change = [o, &c, with_keys](auto work) {
        return [o, &c, with_keys, work]() -> result<void> {
            BERTH_TRY(store, open_hub_store(o->hub));
            BERTH_TRY(after, store->all_or_nothing([&]() -> result<identity> {
                BERTH_TRY(before, read_one(*store, *o));
                identity_settings settings = before.settings;
                BERTH_CHECK(work(settings));
                BERTH_TRY(changed, store->change(before, settings, system_clock().now()));
                return with_keys(*store, changed, before.settings.login.way == login_way::shared_key);
            }));
            return show(c, *o, *store, after);
        };
    };

    auto* const add = with_name(hub_command(*group, o->hub, "add", "a new device, or a module of one"));
    add_settings(*add, o);
    add->add_flag("--disabled", o->disabled, "it may not log in yet");
    run(add, [o, &c, with_keys]() -> result<void> {
        BERTH_TRY(name, parse_identity_name(o->name));
        identity_settings settings;
        settings.enabled = !o->disabled;
        BERTH_CHECK(read_settings(*o, settings));
        BERTH_TRY(store, open_hub_store(o->hub));
        const auto fresh = make_identity(name, settings, crypto::system_random(), system_clock().now());
        BERTH_TRY(added, store->all_or_nothing([&]() -> result<identity> {
            BERTH_CHECK(store->add(fresh));
            BERTH_TRY(there, store->find(name));  // in a later epoch, if certificates of one of that name were ended
            return with_keys(*store, *there, false);
        }));
        return show(c, *o, *store, added);
    });

    auto* const set = changing(hub_command(*group, o->hub, "set", "change what is named, and nothing else"));
    add_settings(*set, o);
    run(set, change([o](identity_settings& s) { return read_settings(*o, s); }));

    for (const bool on : {true, false}) {
        auto* const cmd = changing(hub_command(*group, o->hub, on ? "enable" : "disable",
                                               on ? "let it log in" : "let it not log in, and end its session"));
        cmd->add_option("--reason", o->reason, "why");
        run(cmd, change([o, on](identity_settings& s) -> result<void> {
                s.enabled = on;
                s.status_reason = o->reason;
                return check_settings(s);
            }));
    }

    auto* const removed = changing(hub_command(*group, o->hub, "delete", "take it out; a device goes with its modules"));
    run(removed, [o, &c]() -> result<void> {
        BERTH_TRY(store, open_hub_store(o->hub));
        BERTH_TRY(gone, store->all_or_nothing([&]() -> result<identity> {
            BERTH_TRY(before, read_one(*store, *o));
            BERTH_CHECK(store->remove(before, system_clock().now()));
            return before;
        }));
        if (c.json) {
            print_json(wire::json::object{{"deleted", gone.name.text()}});
        } else {
            fmt::print("\"{}\" is out.\n", gone.name.text());
        }
        return {};
    });

    auto* const revoke =
        with_name(hub_command(*group, o->hub, "revoke", "refuse all certificates that it has: its epoch goes up"));
    run(revoke, [o, &c]() -> result<void> {
        BERTH_TRY(name, parse_identity_name(o->name));
        BERTH_TRY(store, open_hub_store(o->hub));
        BERTH_TRY(after, store->raise_epoch(name, system_clock().now()));
        return show(c, *o, *store, after);
    });

    auto* const shown = with_name(hub_command(*group, o->hub, "show", "one of them"));
    shown->add_flag("--keys", o->keys, "with its shared keys");
    run(shown, [o, &c]() -> result<void> {
        BERTH_TRY(store, o->keys ? open_hub_store(o->hub) : read_hub_store(o->hub));
        BERTH_TRY(found, read_one(*store, *o));
        if (o->keys && c.json) {
            return show_with_keys(c, *store, found);
        }
        BERTH_CHECK(show(c, *o, *store, found));
        if (!c.json) {
            fmt::print("  etag {}  generation {}  certificate epoch {}  made {}\n", found.etag(), found.generation, found.epoch,
                       to_iso8601(found.created));
            for (const auto& print : {found.settings.login.primary, found.settings.login.secondary}) {
                fmt::print("{}", print ? "  certificate " + to_hex(*print) + "\n" : "");
            }
            fmt::print("{}", found.settings.tags.empty() ? "" : "  tags " + found.settings.tags + "\n");
        }
        return o->keys ? show_with_keys(c, *store, found) : result<void>();
    });

    auto* const listed = hub_command(*group, o->hub, "list", "devices, by name");
    listed->add_flag("--modules", o->modules, "modules instead");
    listed->add_option("--of", o->device, "the modules of one device");
    listed->add_option("--status", o->filter, "enabled or disabled only")->check(CLI::IsMember({"enabled", "disabled"}));
    auto* const of_group = listed->add_option("--group", o->group, "of this group only");
    listed->add_flag("--no-group", o->no_group, "of none only")->excludes(of_group);
    listed->add_option("--after", o->after, "begin behind this name");
    listed->add_option("--most", o->most, "how many; default: all");
    run(listed, [o, &c] { return list(c, *o); });

    auto* const import = hub_command(*group, o->hub, "import", "many at once: a table with named columns, or JSON lines");
    import
        ->add_option("FILE", o->file,
                     "columns deviceId, moduleId, status, statusReason, group, primaryThumbprint, "
                     "secondaryThumbprint; or one JSON object a line, as `show --json` prints it")
        ->required();
    import->add_flag("--skip-bad-lines", o->skip_bad, "import what can be imported, and tell the other lines");
    run(import, [o, &c] { return import_file(c, *o); });

    auto* const stream = hub_command(hub, o->hub, "events", "what became of devices and modules, in order");
    stream->add_option("--after", o->from, "from behind this number on");
    stream->add_flag("--follow", o->follow, "go on, and tell each as it happens, until Ctrl-C");
    run(stream, [o, &c] { return events(c, *o); });

    auto* const counts = hub_command(hub, o->hub, "statistics", "how many there are, and how many are connected");
    run(counts, [o, &c]() -> result<void> {
        BERTH_TRY(store, read_hub_store(o->hub));
        BERTH_TRY(all, store->tally());
        BERTH_TRY(connected, store::sqlite_connection_store(*store, o->hub).connected_devices());
        if (c.json) {
            print_json(wire::json::object{{"totalDeviceCount", all.devices},
                                          {"enabledDeviceCount", all.devices - all.disabled_devices},
                                          {"disabledDeviceCount", all.disabled_devices},
                                          {"moduleCount", all.modules},
                                          {"connectedDeviceCount", connected}});
        } else {
            fmt::print("{} devices, {} of them disabled, and {} modules; {} devices are connected\n", all.devices,
                       all.disabled_devices, all.modules, connected);
        }
        return {};
    });
}

}  // namespace berth::app

// berth registrar devices | approve | deny | group | config | release | revoke | decommission | recommission: the customer's
// records.
#include "base/log.h"
#include "berth/commands/registrar_records.h"
#include "common/files.h"
#include "common/words.h"
#include "hub_client/hub_entry.h"
#include "onboarding/errors.h"

#include <thread>

namespace berth::app {

namespace {

struct options : registrar_options {
    std::string serial, group, model, device, file, successor;
    bool everyone = false;
    int64_t wait = 30;
};

std::string_view name_of(onboarding::approval a) {
    switch (a) {
    case onboarding::approval::approved: return "approved";
    case onboarding::approval::denied: return "denied";
    case onboarding::approval::waiting: return "waiting";
    case onboarding::approval::unknown: break;
    }
    return "-";
}

// Its record: what was seen or decided of it.
result<registry::registrar_device> record_of(registry::registrar_registry& records, const onboarding::device_identity& device) {
    BERTH_TRY(found, records.find_serial(device.serial));
    for (auto& d : found) {
        if (d.device == device) {
            return std::move(d);
        }
    }
    return fail(error{error_category::usage,
                      "unknown_device",
                      fmt::format("nothing is known here of device {}", device.text()),
                      {{"serial", device.serial}}});
}

// The last time that it came.
bool refused_integrity(const registry::registrar_device& d) {
    return !d.integrity.empty() && d.integrity != "met" && d.integrity_at >= d.onboarded_at;
}

// What a person wants to know first: not how the last onboarding ended, but what holds by now.
std::string status_of(const registry::registrar_device& d) {
    return d.decommissioned_at                           ? "decommissioned"
           : !d.revoked_for.empty()                      ? (d.revoked_for == "released" ? "released" : "revoked")
           : d.approval == onboarding::approval::denied  ? "denied"
           : refused_integrity(d)                        ? "attestation_refused"
           : d.certificates > 0 && d.onboarded_at        ? "installed"
           : !d.last_result.empty()                      ? d.last_result
           : d.approval == onboarding::approval::waiting ? "waiting"
                                                         : "-";
}

wire::json::value time_of(unix_seconds at) {
    return at ? wire::json::value(to_iso8601(at)) : wire::json::value();
}

void head(const context& c) {
    if (!c.json) {
        fmt::print("{:<24} {:<14} {:<10} {:<10} {:<20} {:<19} {}\n", "SERIAL", "MODEL", "GROUP", "APPROVAL", "ONBOARDED",
                   "STATUS", "CONFIGURATION");
    }
}

// `current`: the version that it gets when it asks.
void show(const context& c, const registry::registrar_device& d, uint64_t current) {
    if (c.json) {
        return print_json(wire::json::object{{"serial", d.device.serial},
                                             {"device_root_spki", to_hex(d.device.device_root_spki)},
                                             {"model", d.model},
                                             {"firmware", d.firmware},
                                             {"group", d.group},
                                             {"approval", std::string(name_of(d.approval))},
                                             {"status", status_of(d)},
                                             {"certificates", d.certificates},
                                             {"first_seen", time_of(d.first_seen)},
                                             {"last_seen", time_of(d.last_seen)},
                                             {"onboarded_at", time_of(d.onboarded_at)},
                                             {"last_result", d.last_result},
                                             {"integrity", d.integrity},
                                             {"integrity_at", time_of(d.integrity_at)},
                                             {"configuration_version", current},
                                             {"configuration_at_onboarding", d.configuration_version}});
    }
    fmt::print("{:<24} {:<14} {:<10} {:<10} {:<20} {:<19} {}\n", d.device.serial, d.model.empty() ? "-" : log::escape(d.model),
               d.group.empty() ? "-" : d.group, name_of(d.approval),
               d.onboarded_at ? to_iso8601(d.onboarded_at) : "not onboarded", status_of(d),
               current ? fmt::format("version {}", current) : "-");
}

result<void> show(const context& c, registry::registrar_registry& records, const registry::registrar_device& d) {
    BERTH_TRY(merged, records.configuration_for(d.device, ""));
    show(c, d, merged.version);
    return {};
}

void with_maker_root(CLI::App* cmd, const std::shared_ptr<options>& o) {
    o->add_maker_root(*cmd);
}

void add_devices(CLI::App& group, const std::shared_ptr<options>& o, context& c) {
    auto* const list = group.add_subcommand("devices", "list the devices that were seen, or one with its certificates");
    list->add_option("--dir", o->dir, "the registrar's directory")->required();
    list->add_option("SERIAL", o->serial, "one device");
    with_maker_root(list, o);
    list->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(store, read_store(o->dir));
            if (!o->serial.empty()) {
                BERTH_TRY(named, device_named(*store, o->serial, *o));
                BERTH_TRY(device, record_of(*store, named));
                head(c);
                BERTH_CHECK(show(c, *store, device));
                if (!c.json && !device.integrity.empty()) {
                    fmt::print("  {:<16} {} at {}\n", "quote", device.integrity, to_iso8601(device.integrity_at));
                }
                BERTH_TRY(certificates, store->certificates_of(device.device));
                for (const auto& certificate : certificates) {
                    BERTH_TRY(leaf, pki::certificate::parse(certificate.chain.front()));
                    if (c.json) {
                        print_json(wire::json::object{{"name", certificate.name},
                                                      {"serial_number", leaf.serial_hex()},
                                                      {"not_after", to_iso8601(certificate.not_after)},
                                                      {"revoked", certificate.revoked}});
                    } else {
                        fmt::print("  {:<16} {} until {}{}\n", certificate.name, leaf.serial_hex(),
                                   to_iso8601(certificate.not_after), certificate.revoked ? "  REVOKED" : "");
                    }
                }
                return {};
            }
            head(c);
            onboarding::device_identity after;
            for (;;) {
                BERTH_TRY(some, store->list_devices(500, after));
                for (const auto& d : some) {
                    BERTH_CHECK(show(c, *store, d));
                    after = d.device;
                }
                if (some.size() < 500) {
                    return {};
                }
            }
        });
    });
    for (const bool yes : {true, false}) {
        auto* const cmd =
            group.add_subcommand(yes ? "approve" : "deny", yes ? "let a device that waits for approval go on"
                                                               : "refuse a device that waits for approval, or will");
        cmd->add_option("--dir", o->dir, "the registrar's directory")->required();
        cmd->add_option("SERIAL", o->serial, "the device's serial, or ROOT/SERIAL; it need not have been seen yet")->required();
        with_maker_root(cmd, o);
        cmd->callback([o, &c, yes] {
            c.run([&]() -> result<void> {
                BERTH_TRY(store, open_store(o->dir));
                BERTH_TRY(device, device_named(*store, o->serial, *o));
                BERTH_CHECK(store->decide(device, yes, system_clock().now()));
                BERTH_TRY(after, record_of(*store, device));
                head(c);
                BERTH_CHECK(show(c, *store, after));
                if (!yes && !c.json && after.certificates > 0) {
                    fmt::print("Its {} certificates stay valid: berth registrar revoke {} --dir {} withdraws them.\n",
                               after.certificates, shell_word(o->serial), shell_word(o->dir));
                }
                return {};
            });
        });
    }
    auto* const grouped = group.add_subcommand("group", "put a device into a group, for configuration");
    grouped->add_option("--dir", o->dir, "the registrar's directory")->required();
    grouped->add_option("SERIAL", o->serial, "the device's serial, or ROOT/SERIAL; it need not have been seen yet")->required();
    grouped->add_option("GROUP", o->group, "the group's name")->required();
    with_maker_root(grouped, o);
    grouped->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(store, open_store(o->dir));
            BERTH_TRY(device, device_named(*store, o->serial, *o));
            BERTH_CHECK(store->set_group(device, o->group, system_clock().now()));
            if (c.json) {
                print_json(wire::json::object{
                    {"serial", device.serial}, {"device_root_spki", to_hex(device.device_root_spki)}, {"group", o->group}});
            } else {
                fmt::print("{} is in the group {}.\n", device.serial, o->group);
            }
            return {};
        });
    });
}

result<std::pair<registry::configuration_scope, std::string>> scope_of(const options& o, registry::registrar_registry& records) {
    using registry::configuration_scope;
    const int given = int{o.everyone} + int{!o.model.empty()} + int{!o.group.empty()} + int{!o.device.empty()};
    if (given != 1) {
        return fail(error_category::usage, "bad_scope", "say one of --default, --model NAME, --group NAME, --device SERIAL");
    }
    if (!o.device.empty()) {
        BERTH_TRY(device, device_named(records, o.device, o));
        return std::pair(configuration_scope::device, device.text());
    }
    return o.everyone         ? std::pair(configuration_scope::everyone, std::string())
           : !o.model.empty() ? std::pair(configuration_scope::model, o.model)
                              : std::pair(configuration_scope::group, o.group);
}

// Groups and models are known by their devices alone. Of one that no device has: that this is so, and which may be meant.
result<std::string> meant_instead(registry::registrar_registry& records, registry::configuration_scope scope,
                                  const std::string& name) {
    using registry::configuration_scope;
    if (scope != configuration_scope::group && scope != configuration_scope::model) {
        return std::string();
    }
    std::vector<std::string> known;
    onboarding::device_identity after;
    for (bool more = true; more;) {
        BERTH_TRY(some, records.list_devices(500, after));
        more = some.size() == 500;
        for (const auto& d : some) {
            const std::string& has = scope == configuration_scope::group ? d.group : d.model;
            if (has == name) {
                return std::string();
            }
            if (!has.empty() && std::ranges::find(known, has) == known.end()) {
                known.push_back(has);
            }
            after = d.device;
        }
    }
    const auto meant = nearest(name, known);
    return fmt::format("\nNo device is of the {} {} yet{}", to_string(scope), name,
                       meant ? fmt::format("; is {} meant?", *meant) : ".");
}

// What agents go by is judged before all of them are given it. That it is JSON at all, the store says.
result<void> check_configuration(const std::string& file, const std::string& text) {
    const auto read = wire::parse_json_object(text);
    if (!read) {
        return {};
    }
    if (auto entry = read_hub_entry(*read); !entry) {
        return fail(std::move(entry).error().during(file).with("file", file));
    }
    const auto* const provisioning = read->if_contains("provisioning");
    if (provisioning == nullptr || !provisioning->is_object()) {
        return {};
    }
    for (const auto& member : provisioning->as_object()) {
        constexpr std::array known{"endpoint", "idScope", "credential", "anchors"};
        if (std::ranges::find(known, std::string_view(member.key())) == known.end()) {
            return fail(
                error{error_category::usage,
                      "bad_configuration",
                      fmt::format("{}: agents know no member provisioning.{}: endpoint, idScope, credential and anchors are "
                                  "known",
                                  file, std::string_view(member.key())),
                      {{"file", file}}});
        }
    }
    return {};
}

void add_config(CLI::App& group, const std::shared_ptr<options>& o, context& c) {
    auto* const config =
        group.add_subcommand("config", "the configuration that devices get with their certificates, and after them");
    config->require_subcommand(1);
    const auto with_scope = [&](const char* name, const char* help) {
        auto* const cmd = config->add_subcommand(name, help);
        cmd->add_option("--dir", o->dir, "the registrar's directory")->required();
        cmd->add_flag("--default", o->everyone, "for every device");
        cmd->add_option("--model", o->model, "for a model");
        cmd->add_option("--group", o->group, "for a group");
        cmd->add_option("--device", o->device, "for one device, by serial or ROOT/SERIAL; it need not have been seen yet");
        with_maker_root(cmd, o);
        return cmd;
    };
    auto* const set =
        with_scope("set", "set it from a JSON file; device over group over model over default, member by member (RFC 7396)");
    set->add_option("FILE", o->file, "a JSON object")->required();
    set->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(store, open_store(o->dir));
            BERTH_TRY(scope, scope_of(*o, *store));
            BERTH_TRY(json, read_text(o->file));
            BERTH_CHECK(check_configuration(o->file, json));
            BERTH_TRY(hint, meant_instead(*store, scope.first, scope.second));
            auto set_version = store->set_configuration(scope.first, scope.second, json, system_clock().now());
            if (!set_version) {
                return fail(std::move(set_version).error().during(o->file).with("file", o->file));
            }
            if (c.json) {
                print_json(wire::json::object{
                    {"scope", std::string(to_string(scope.first))}, {"name", scope.second}, {"version", *set_version}});
            } else {
                fmt::print("Version {} is set; devices get it at their next onboarding or configuration fetch.{}\n", *set_version,
                           hint);
            }
            return {};
        });
    });
    auto* const shown = config->add_subcommand("show", "show what is set, or what one device gets");
    shown->add_option("--dir", o->dir, "the registrar's directory")->required();
    shown->add_option("--device", o->device, "the merged configuration of one device, by serial or ROOT/SERIAL");
    with_maker_root(shown, o);
    shown->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(store, read_store(o->dir));
            if (!o->device.empty()) {
                BERTH_TRY(device, device_named(*store, o->device, *o));
                BERTH_TRY(merged, store->configuration_for(device, ""));
                print_json(wire::json::object{
                    {"serial", device.serial},
                    {"version", merged.version},
                    {"configuration", merged.json.empty() ? wire::json::value() : *wire::parse_json(merged.json)}});
                return {};
            }
            BERTH_TRY(layers, store->configurations());
            for (const auto& layer : layers) {
                if (c.json) {
                    print_json(wire::json::object{{"scope", std::string(to_string(layer.scope))},
                                                  {"name", layer.name},
                                                  {"version", layer.version},
                                                  {"configuration", *wire::parse_json(layer.json)}});
                } else {
                    fmt::print("{:<8} {:<24} version {:<5} {}\n", to_string(layer.scope), layer.name.empty() ? "-" : layer.name,
                               layer.version, layer.json);
                }
            }
            return {};
        });
    });
}

// What the owner can do about each answer.
error release_refused(const std::string& name, const options& o) {
    const auto because = [&](error_category category, const std::string& text) {
        return error{category, name, text, {{"serial", o.serial}, {"successor", o.successor}}};
    };
    if (name == "not_owner") {
        return because(
            error_category::peer,
            fmt::format(
                "the MASA does not release {} to \"{}\": either the device is not yours (any more), or nobody of that name is "
                "registered with the manufacturer, or you are that. Ask the manufacturer who the owner is, and how the "
                "successor's name is "
                "spelled",
                o.serial, o.successor));
    }
    if (name == "unknown_device_root") {
        return because(
            error_category::usage,
            fmt::format(
                "the registrar serves no maker of this root; add a [[registrar.maker]] to {}/berthd.toml and reload berthd",
                o.dir));
    }
    if (name == "masa_unreachable") {
        return because(error_category::environment, "the MASA did not answer; look at the registrar's log (kk1_lost) and ask "
                                                    "again: a release that was done already is answered alike");
    }
    return because(error_category::peer, fmt::format("the MASA refused: {}", onboarding::advice_for(name)));
}

// Through the records, as approvals go: the running berthd takes the request, asks the MASA over KK1, and writes the answer.
result<std::string> release_through_berthd(store::sqlite_registrar_store& store, const onboarding::device_identity& device,
                                           const options& o) {
    const clock& time = system_clock();
    BERTH_TRY(number, store.ask_release(device, o.successor, time.now(), time.now() + o.wait));
    // A moment longer than berthd waits, for it may be answering.
    const milliseconds until = time.steady() + o.wait * 1000 + 2'000;
    while (time.steady() < until) {
        BERTH_TRY(now, store.find_release(number));
        if (now && !now->outcome.empty()) {
            return now->outcome;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    BERTH_TRY(last, store.find_release(number));
    // Withdrawn, so that a berthd that is started tomorrow does not give the device away by surprise.
    BERTH_CHECK(store.release_answered(number, "given_up", time.now()));
    if (last && last->sent_at == 0) {
        return fail(error_category::environment, "registrar_not_running",
                    fmt::format("no running registrar took the request within {} s, and it was withdrawn: start berthd --config "
                                "{}/berthd.toml and ask again",
                                o.wait, o.dir));
    }
    return std::string("masa_unreachable");
}

// Who names himself has most likely meant another. Not refused here: two customers' roots may bear one name, and the
// manufacturer may know them by others. The MASA refuses whom it knows as the owner (`not_owner`).
result<void> warn_of_self(const options& o) {
    BERTH_TRY(config, config_of(o.dir));
    if (!config) {
        return {};
    }
    BERTH_TRY(root, read_certificate(config->domain_root));
    if (root.organization().value_or("") == o.successor) {
        std::fputs(fmt::format("berth: warning: \"{}\" is the name in your own root. The successor is named with --to; what only "
                               "withdraws a device's certificates is berth registrar revoke\n",
                               one_line(o.successor))
                       .c_str(),
                   stderr);
    }
    return {};
}

void add_revoke(CLI::App& group, const std::shared_ptr<options>& o, context& c) {
    auto* const cmd = group.add_subcommand("revoke", "revoke what your CA has issued to a device, which stays yours");
    cmd->add_option("--dir", o->dir, "the registrar's directory")->required();
    cmd->add_option("SERIAL", o->serial, "the device's serial, or ROOT/SERIAL")->required();
    with_maker_root(cmd, o);
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(store, open_store(o->dir));
            BERTH_TRY(device, device_named(*store, o->serial, *o));
            // All that is known of a device may be the LDevID that the CA has given it (--records).
            BERTH_TRY(issued, store->certificates_of(device));
            if (issued.empty()) {
                BERTH_CHECK(record_of(*store, device));
            }
            BERTH_TRY(revoked, store->revoke_certificates(device, "revoked", system_clock().now()));
            if (c.json) {
                print_json(wire::json::object{
                    {"serial", device.serial}, {"device_root_spki", to_hex(device.device_root_spki)}, {"revoked", revoked}});
            } else if (revoked == 0) {
                fmt::print("{} has no certificate that is not revoked; nothing has changed.\n", device.serial);
            } else {
                fmt::print(
                    "{} certificates of {} are revoked; berthd puts them on the CA's list at once, or when it is next started.\n"
                    "It is still yours, and may be onboarded anew; berth registrar deny prevents that.\n",
                    revoked, device.serial);
            }
            return {};
        });
    });
}

void add_release(CLI::App& group, const std::shared_ptr<options>& o, context& c) {
    auto* const cmd =
        group.add_subcommand("release", "give a device of yours away: the manufacturer then assigns it to the successor");
    cmd->add_option("--dir", o->dir, "the registrar's directory")->required();
    cmd->add_option("SERIAL", o->serial, "the device's serial")->required();
    cmd->add_option("--to", o->successor, "the successor, as it is registered with the manufacturer (1 to 64 octets)")
        ->required();
    cmd->add_option("--maker-root", o->maker_root, "the maker's z1.pem; needed for a device that was never seen here");
    cmd->add_option("--wait", o->wait, "seconds to wait for the answer (30)")->check(CLI::Range(1, 600));
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            if (o->successor.empty() || o->successor.size() > 64) {
                return fail(error_category::usage, "bad_customer_name", "the successor's name has 1 to 64 octets");
            }
            BERTH_CHECK(warn_of_self(*o));
            BERTH_TRY(store, open_store(o->dir));
            BERTH_TRY(device, device_named(*store, o->serial, *o));
            BERTH_TRY(outcome, release_through_berthd(*store, device, *o));
            if (outcome != "released") {
                return fail(release_refused(outcome, *o));
            }
            if (c.json) {
                print_json(wire::json::object{{"serial", device.serial},
                                              {"device_root_spki", to_hex(device.device_root_spki)},
                                              {"released_to", o->successor}});
            } else {
                fmt::print("{} is given away to {}; what your CA issued to it is revoked.\nIt becomes the successor's when the "
                           "last voucher for it "
                           "that was not used has expired, 15 minutes at most.\n",
                           device.serial, o->successor);
            }
            return {};
        });
    });
}

}  // namespace

void add_registrar_records(CLI::App& registrar, context& c) {
    const auto o = std::make_shared<options>();
    add_devices(registrar, o, c);
    add_config(registrar, o, c);
    add_release(registrar, o, c);
    add_revoke(registrar, o, c);
    add_registrar_life(registrar, c);
}

}  // namespace berth::app

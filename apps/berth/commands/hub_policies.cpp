// berth hub access-policy: shared keys for back ends that ask the hub by tokens.
#include "setup/hub_policies.h"

#include "berth/commands/hub.h"
#include "crypto/random.h"
#include "hub/access/sas_token.h"
#include "setup/ca_profiles.h"

namespace berth::app {

namespace {

using hub::policies;

struct options {
    std::string hub, name, rights, host, path, which = "primary", lifetime = "1h";
    bool show_keys = false;
};

policies::key key_of(const options& o) {
    return o.which == "primary" ? policies::key::primary : policies::key::secondary;
}

std::string text_of(const secret_bytes& secret) {
    return {reinterpret_cast<const char*>(secret.reveal().data()), secret.size()};
}

void show(const context& c, const hub::policy& p) {
    if (c.json) {
        wire::json::array rights;
        for (const auto r : hub::all_rights) {
            if (p.rights.has(r)) {
                rights.emplace_back(to_string(r));
            }
        }
        return print_json(wire::json::object{{"name", p.name}, {"rights", std::move(rights)}});
    }
    fmt::print("{:<24} {}\n", p.name, to_string(p.rights));
}

void show_keys(const context& c, const options& o, const hub::policy& p) {
    const std::string primary = text_of(hub::connection_string(o.host, p, policies::key::primary));
    const std::string secondary = text_of(hub::connection_string(o.host, p, policies::key::secondary));
    if (c.json) {
        return print_json(wire::json::object{{"name", p.name},
                                             {"rights", to_string(p.rights)},
                                             {"primaryConnectionString", primary},
                                             {"secondaryConnectionString", secondary}});
    }
    fmt::print("{}\n{}\n", primary, secondary);
}

result<const hub::policy*> require(const policies& all, const std::string& name) {
    const auto* const found = all.find(name);
    if (!found) {
        return fail(
            error{error_category::usage, "unknown_policy", fmt::format("there is no policy \"{}\"", name), {{"name", name}}});
    }
    return found;
}

// Of a directory that is a hub's.
result<policies> read(const std::string& hub) {
    BERTH_CHECK(read_hub_store(hub));
    return read_policies(hub);
}

result<void> token(const context& c, const options& o) {
    const auto length = parse_lifetime(o.lifetime);
    if (!length || *length > hub::longest_sas) {
        return fail(
            error_category::usage, "bad_arguments",
            fmt::format("\"{}\" is no time of up to {} days: write 1h or 30d, say", o.lifetime, hub::longest_sas / 86'400));
    }
    if (!o.path.empty() && !o.path.starts_with('/')) {
        return fail(error_category::usage, "bad_arguments", "--path begins with /: /devices/pump-1");
    }
    BERTH_TRY(all, read(o.hub));
    BERTH_TRY(found, require(all, o.name));
    const unix_seconds expiry = system_clock().now() + *length;
    const auto text = hub::make_sas_token(
        o.host + o.path, key_of(o) == policies::key::primary ? found->primary : found->secondary, expiry, found->name);
    if (c.json) {
        print_json(wire::json::object{{"token", text}, {"expires", to_iso8601(expiry)}});
    } else {
        fmt::print("{}\n", text);
    }
    return {};
}

}  // namespace

void add_hub_policies(CLI::App& hub, context& c) {
    auto* const group = hub.add_subcommand("access-policy", "shared keys of back ends, and what each may do over the hub's API");
    group->require_subcommand(1);
    const auto o = std::make_shared<options>();
    const auto run = [&c](CLI::App* cmd, auto work) { cmd->callback([&c, work] { c.run(work); }); };
    const auto named = [o, group](const char* name, const char* help) {
        auto* const cmd = hub_command(*group, o->hub, name, help);
        cmd->add_option("NAME", o->name, "the policy's name")->required();
        return cmd;
    };
    const auto with_which = [o](CLI::App* cmd, const char* help) {
        cmd->add_option("--which", o->which, help)->check(CLI::IsMember({"primary", "secondary"}));
    };

    auto* const add = named("add", "a new one, with two keys that are drawn now");
    add->add_option("--rights", o->rights, "of registryRead, registryWrite, serviceConnect, deviceConnect; separated by commas")
        ->required();
    // Shown once it is written.
    const auto change = [o, &c](auto work) {
        return [o, &c, work]() -> result<void> {
            BERTH_CHECK(change_policies(o->hub, work));
            BERTH_TRY(all, read_policies(o->hub));
            BERTH_TRY(found, require(all, o->name));
            show(c, *found);
            return {};
        };
    };
    run(add, change([o](policies& all) -> result<void> {
            BERTH_TRY(rights, hub::rights_from(o->rights));
            return all.add(o->name, rights, crypto::system_random());
        }));

    auto* const list = hub_command(*group, o->hub, "list", "all of them, without their keys");
    run(list, [o, &c]() -> result<void> {
        BERTH_TRY(all, read(o->hub));
        for (const auto& one : all.all()) {
            show(c, one);
        }
        return {};
    });

    auto* const shown = named("show", "one of them");
    auto* const keys = shown->add_flag("--show-keys", o->show_keys, "print its connection strings, which hold its keys");
    auto* const host = shown->add_option("--host", o->host, "the hub's name, as `host` of [hub] says it");
    keys->needs(host);
    run(shown, [o, &c]() -> result<void> {
        BERTH_TRY(all, read(o->hub));
        BERTH_TRY(found, require(all, o->name));
        o->show_keys ? show_keys(c, *o, *found) : show(c, *found);
        return {};
    });

    auto* const rotate = named("rotate", "draw another key in one's place: tokens by the other go on to count");
    with_which(rotate, "primary (default) or secondary");
    run(rotate, change([o](policies& all) { return all.rotate(o->name, key_of(*o), crypto::system_random()); }));

    auto* const removed = named("delete", "tokens by its keys count no longer");
    run(removed, [o, &c]() -> result<void> {
        BERTH_CHECK(change_policies(o->hub, [o](policies& all) { return all.remove(o->name); }));
        if (c.json) {
            print_json(wire::json::object{{"deleted", o->name}});
        } else {
            fmt::print("\"{}\" is out.\n", o->name);
        }
        return {};
    });

    auto* const made = named("token", "make a token by its key, for a request's header Authorization");
    made->add_option("--host", o->host, "the hub's name, as `host` of [hub] says it")->required();
    made->add_option("--path", o->path, "for what is below this path only: /devices/pump-1");
    made->add_option("--lifetime", o->lifetime, "how long it is good (1h, 30d); default 1h");
    with_which(made, "by the primary (default) or the secondary key");
    run(made, [o, &c] { return token(c, *o); });
}

}  // namespace berth::app

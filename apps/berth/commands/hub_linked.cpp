// berth hub linked-hub, registration: where devices can be sent, and where they were.
#include "berth/commands/hub.h"
#include "common/words.h"
#include "provisioning/enrolment_json.h"
#include "store/sqlite/provisioning_store.h"

namespace berth::app {

namespace {

using namespace registry;

struct options {
    std::string hub, host, id, of;
    uint32_t weight = 1;
    bool local = false, elsewhere = false;
    std::vector<std::string> near;
};

void show(const context& c, const linked_hub& hub) {
    if (c.json) {
        wire::json::array near(hub.near.begin(), hub.near.end());
        return print_json(wire::json::object{{"host", hub.host},
                                             {"weight", hub.weight},
                                             {"local", hub.local},
                                             {"near", std::move(near)},
                                             {"added", to_iso8601(hub.added)}});
    }
    std::string near;
    for (const auto& prefix : hub.near) {
        near += (near.empty() ? "  near " : ", ") + prefix;
    }
    fmt::print("{:<40} weight {:<4} {}{}\n", hub.host, hub.weight, hub.local ? "this registry's" : "", near);
}

void show(const context& c, const registration& r) {
    if (c.json) {
        return print_json(provisioning::to_json(r));
    }
    fmt::print("{:<32} {:<9} {}\n", r.id, to_string(r.status),
               r.status == registration_status::assigned ? fmt::format("{} at {}  ({} \"{}\", {})", r.device_id, r.hub,
                                                                       to_string(r.via), r.enrolment, to_iso8601(r.changed))
                                                         : one_line(r.error_message));
}

void add_linked(CLI::App& hub, context& c) {
    auto* const all = hub.add_subcommand("linked-hub", "hubs that the provisioning service sends devices to");
    all->require_subcommand(1);
    const auto o = std::make_shared<options>();
    const auto run = [&c](CLI::App* cmd, auto work) { cmd->callback([&c, work] { c.run(work); }); };
    const auto with_host = [o](CLI::App* cmd) {
        cmd->add_option("HOST", o->host, "HOST or HOST:PORT, as devices are told")->required();
        return cmd;
    };

    auto* const add = with_host(hub_command(*all, o->hub, "add", "a new one"));
    add->add_option("--weight", o->weight, "its share of what is hashed, 1 to 1000 (default 1)");
    add->add_flag("--local", o->local, "the one whose registry this is: identities of devices are made in it");
    add->add_option("--near", o->near, "an address prefix whose devices are near it, several times: 10.0.0.0/8")
        ->expected(1)
        ->take_all();
    run(add, [o, &c]() -> result<void> {
        const linked_hub fresh{o->host, o->weight, o->local, o->near, system_clock().now()};
        BERTH_CHECK(check_linked_hub(fresh));
        BERTH_TRY(store, open_hub_store(o->hub));
        store::sqlite_provisioning_store records(*store);
        BERTH_CHECK(records.add_hub(fresh));
        show(c, fresh);
        return {};
    });

    auto* const set = with_host(hub_command(*all, o->hub, "set", "change what is named, and nothing else"));
    auto* const weight = set->add_option("--weight", o->weight, "its share of what is hashed, 1 to 1000");
    auto* const local = set->add_flag("--local", o->local, "the one whose registry this is");
    set->add_flag("--elsewhere", o->elsewhere, "it is not")->excludes(local);
    auto* const near =
        set->add_option("--near", o->near, "address prefixes whose devices are near it, instead of those that it has");
    near->expected(1)->take_all();
    run(set, [o, weight, near, &c]() -> result<void> {
        BERTH_TRY(store, open_hub_store(o->hub));
        store::sqlite_provisioning_store records(*store);
        BERTH_TRY(after, store->all_or_nothing([&]() -> result<linked_hub> {
            BERTH_TRY(linked, records.list_hubs());
            const auto found = std::ranges::find(linked, o->host, &linked_hub::host);
            linked_hub changed = found != linked.end() ? *found : linked_hub{o->host, 1, false, {}, 0};
            changed.weight = weight->count() > 0 ? o->weight : changed.weight;
            changed.local = (changed.local || o->local) && !o->elsewhere;
            changed.near = near->count() > 0 ? o->near : changed.near;
            BERTH_CHECK(check_linked_hub(changed));
            BERTH_CHECK(records.change_hub(changed));
            return changed;
        }));
        show(c, after);
        return {};
    });

    auto* const removed = with_host(hub_command(*all, o->hub, "delete", "send nobody there any more"));
    run(removed, [o, &c]() -> result<void> {
        BERTH_TRY(store, open_hub_store(o->hub));
        store::sqlite_provisioning_store records(*store);
        BERTH_TRY(was_there, records.remove_hub(o->host));
        if (!was_there) {
            return fail(error_category::usage, "unknown_linked_hub", fmt::format("{} is not linked", o->host));
        }
        if (c.json) {
            print_json(wire::json::object{{"deleted", o->host}});
        } else {
            fmt::print("{} is out. Devices that were sent there stay there until they register again.\n", o->host);
        }
        return {};
    });

    run(hub_command(*all, o->hub, "list", "all of them"), [o, &c]() -> result<void> {
        BERTH_TRY(store, read_hub_store(o->hub));
        BERTH_TRY(linked, store::sqlite_provisioning_store(*store).list_hubs());
        for (const auto& one : linked) {
            show(c, one);
        }
        return {};
    });
}

void add_registrations(CLI::App& hub, context& c) {
    auto* const all = hub.add_subcommand("registration", "what became of devices that registered");
    all->require_subcommand(1);
    const auto o = std::make_shared<options>();
    const auto run = [&c](CLI::App* cmd, auto work) { cmd->callback([&c, work] { c.run(work); }); };
    const auto unknown = [o] {
        return fail(error_category::usage, "unknown_registration", fmt::format("no device has registered as \"{}\"", o->id));
    };

    auto* const shown = hub_command(*all, o->hub, "show", "one of them");
    shown->add_option("ID", o->id, "the registration id")->required();
    run(shown, [o, unknown, &c]() -> result<void> {
        BERTH_TRY(store, read_hub_store(o->hub));
        BERTH_TRY(found, store::sqlite_provisioning_store(*store).find_registration(o->id));
        if (!found) {
            return unknown();
        }
        show(c, *found);
        return {};
    });

    auto* const removed = hub_command(*all, o->hub, "delete", "forget it: the device begins anew; its identity at the hub stays");
    removed->add_option("ID", o->id, "the registration id")->required();
    run(removed, [o, unknown, &c]() -> result<void> {
        BERTH_TRY(store, open_hub_store(o->hub));
        BERTH_TRY(was_there, store::sqlite_provisioning_store(*store).remove_registration(o->id));
        if (!was_there) {
            return unknown();
        }
        if (c.json) {
            print_json(wire::json::object{{"deleted", o->id}});
        } else {
            fmt::print("\"{}\" is forgotten.\n", o->id);
        }
        return {};
    });

    auto* const listed = hub_command(*all, o->hub, "list", "by registration id");
    listed->add_option("--of", o->of, "those of one enrolment group");
    run(listed, [o, &c]() -> result<void> {
        BERTH_TRY(store, read_hub_store(o->hub));
        store::sqlite_provisioning_store records(*store);
        registration_query query;
        if (!o->of.empty()) {
            query.via = enrolment_kind::group;
            query.enrolment = o->of;
        }
        for (;;) {
            BERTH_TRY(some, records.list_registrations(query));
            for (const auto& r : some) {
                show(c, r);
            }
            if (some.size() < query.most) {
                return {};
            }
            query.after = some.back().id;
        }
    });
}

}  // namespace

void add_hub_linked(CLI::App& hub, context& c) {
    add_linked(hub, c);
    add_registrations(hub, c);
}

}  // namespace berth::app

// berth hub policy: what the devices of a group may do, and why.
#include "berth/commands/hub.h"
#include "common/words.h"
#include "hub/policy/policy.h"

#include <fmt/ranges.h>

namespace berth::app {

namespace {

using namespace registry;

struct options {
    std::string hub, group, name, topic, action, allow;
    std::vector<std::string> publish, subscribe;
};

error unknown_group_policy(const std::string& group) {
    return {error_category::usage,
            "unknown_group_policy",
            fmt::format("group \"{}\" has no policy of its own; what \"default\" says holds for it", group),
            {{"group", group}}};
}

wire::json::array list_of(const std::vector<std::string>& some) {
    wire::json::array out;
    for (const auto& one : some) {
        out.emplace_back(one);
    }
    return out;
}

void show(const context& c, const group_policy& p) {
    if (c.json) {
        print_json(wire::json::object{{"group", p.group},
                                      {"allow", list_of(p.allowed.names())},
                                      {"publish", list_of(p.publish)},
                                      {"subscribe", list_of(p.subscribe)}});
        return;
    }
    const auto or_nothing = [](const std::vector<std::string>& some) {
        return some.empty() ? std::string("nothing") : fmt::format("{}", fmt::join(some, ", "));
    };
    fmt::print("{}\n  its own: {}\n  publish besides: {}\n  subscribe besides: {}\n", p.group, or_nothing(p.allowed.names()),
               or_nothing(p.publish), or_nothing(p.subscribe));
}

result<operation_set> operations_from(const std::string& list) {
    if (list == "all") {
        return operation_set::all();
    }
    auto out = operation_set::none();
    if (list == "none") {
        return out;
    }
    std::vector<std::string> known;
    for (size_t i = 0; i < operations; ++i) {
        known.emplace_back(to_string(static_cast<operation>(i)));
    }
    std::string_view rest = list;
    do {
        const size_t comma = std::min(rest.find(','), rest.size());
        const std::string word(rest.substr(0, comma));
        rest.remove_prefix(std::min(comma + 1, rest.size()));
        const auto found = operation_from(word);
        if (!found) {
            const auto meant = nearest(word, known);
            return fail(
                error{error_category::usage,
                      "bad_policy",
                      fmt::format("\"{}\" is nothing that a policy allows{} {}, all or none", word,
                                  meant ? fmt::format("; is {} meant? It knows", *meant) : ": it knows", fmt::join(known, ", ")),
                      {{"member", "allow"}}});
        }
        out.add(*found);
    } while (!rest.empty());
    return out;
}

result<std::optional<group_policy>> find(hub_registry& store, const std::string& group) {
    BERTH_TRY(all, store.policies());
    const auto found = std::ranges::find(all, group, &group_policy::group);
    return found != all.end() ? std::optional(*found) : std::nullopt;
}

// The policy that holds for a group.
result<group_policy> holding(hub_registry& store, const std::string& group) {
    for (const auto& name : {group, std::string(default_group)}) {
        BERTH_TRY(found, find(store, name));
        if (found) {
            return *found;
        }
    }
    return group_policy{std::string(default_group), operation_set::all(), {}, {}};
}

result<void> set(const context& c, const options& o) {
    group_policy p;
    p.group = o.group;
    BERTH_TRY(allowed, operations_from(o.allow));
    p.allowed = allowed;
    p.publish = o.publish;
    p.subscribe = o.subscribe;
    BERTH_CHECK(check_policy(p));
    BERTH_TRY(store, open_hub_store(o.hub));
    BERTH_CHECK(store->set_policy(p));
    show(c, p);
    return {};
}

result<void> list(const context& c, const options& o) {
    BERTH_TRY(store, read_hub_store(o.hub));
    BERTH_TRY(all, store->policies());
    for (const auto& one : all) {
        show(c, one);
    }
    if (all.empty() && !c.json) {
        fmt::print("No group has a policy: everybody has all of his own, and nothing besides.\n");
    }
    return {};
}

result<void> show_one(const context& c, const options& o) {
    BERTH_TRY(store, read_hub_store(o.hub));
    BERTH_TRY(found, find(*store, o.group));
    if (!found) {
        return fail(unknown_group_policy(o.group));
    }
    show(c, *found);
    return {};
}

result<void> remove(const context& c, const options& o) {
    BERTH_TRY(store, open_hub_store(o.hub));
    BERTH_TRY(was_there, store->remove_policy(o.group));
    if (!was_there) {
        return fail(unknown_group_policy(o.group));
    }
    if (c.json) {
        print_json(wire::json::object{{"group", o.group}, {"deleted", true}});
    } else {
        fmt::print("What \"default\" says holds for group \"{}\" from now on.\n", o.group);
    }
    return {};
}

result<void> explain(const context& c, const options& o) {
    BERTH_TRY(store, read_hub_store(o.hub));
    BERTH_TRY(who, require_identity(*store, o.name));
    BERTH_TRY(policy, holding(*store, who.settings.group));
    if (const auto own = o.action.empty() ? operation_from(o.topic) : std::nullopt) {
        const bool open = policy.allowed.has(*own);
        const auto why = hub::permission{open, *own, {}}.why(policy);
        if (c.json) {
            print_json(wire::json::object{{"name", who.name.text()},
                                          {"operation", o.topic},
                                          {"allowed", open},
                                          {"group", who.settings.group},
                                          {"policy", policy.group},
                                          {"why", why}});
        } else {
            fmt::print("{}: {} ({})\n", o.topic, open ? "allowed" : "refused", why);
        }
        return {};
    }
    const bool filter = o.topic.find_first_of("+#") != std::string::npos;
    for (const auto d : {hub::direction::publish, hub::direction::subscribe, hub::direction::receive}) {
        const bool asked = o.action.empty() ? (d == hub::direction::subscribe || !filter) : o.action == to_string(d);
        if (!asked) {
            continue;
        }
        const auto judged = hub::judge_topic(policy, who.name, d, o.topic);
        if (c.json) {
            wire::json::object out{{"name", who.name.text()},   {"action", to_string(d)},      {"topic", o.topic},
                                   {"allowed", judged.allowed}, {"group", who.settings.group}, {"policy", policy.group},
                                   {"why", judged.why(policy)}};
            if (judged.door) {
                out["operation"] = to_string(*judged.door);
            }
            print_json(out);
        } else {
            fmt::print("{} {}: {} ({})\n", to_string(d), o.topic, judged.allowed ? "allowed" : "refused", judged.why(policy));
        }
    }
    return {};
}

}  // namespace

void add_hub_groups(CLI::App& hub, context& c) {
    auto* const group = hub.add_subcommand("policy", "what the devices of a group may do");
    group->require_subcommand(1);
    const auto o = std::make_shared<options>();
    const auto runs = [&c, o](CLI::App* cmd, result<void> (*work)(const context&, const options&)) {
        cmd->callback([&c, o, work] { c.run([&] { return work(c, *o); }); });
    };
    auto* const setting = hub_command(*group, o->hub, "set", "say it, in place of what was said of the group");
    setting->add_option("GROUP", o->group, "as `device set --group` says it; default: who is in none")->required();
    setting
        ->add_option("--allow", o->allow,
                     "which of its own: telemetry,cloud-to-device,twin,methods,credentials,file-upload; all, none")
        ->default_val("all");
    setting->add_option("--publish", o->publish, "a topic besides, with {device} and {module} for its names; may be repeated");
    setting->add_option("--subscribe", o->subscribe, "a filter besides, likewise");
    runs(setting, set);
    runs(hub_command(*group, o->hub, "list", "all of them"), list);
    auto* const showing = hub_command(*group, o->hub, "show", "one of them");
    showing->add_option("GROUP", o->group, "whose")->required();
    runs(showing, show_one);
    auto* const removing = hub_command(*group, o->hub, "delete", "take one back");
    removing->add_option("GROUP", o->group, "whose")->required();
    runs(removing, remove);
    auto* const explaining = hub_command(*group, o->hub, "explain", "whether a device may, and why");
    explaining->add_option("NAME", o->name, "a device, or DEVICE/MODULE")->required();
    explaining->add_option("TOPIC", o->topic, "a topic, a filter, or what `policy set --allow` knows")->required();
    explaining->add_option("--action", o->action, "only: publish, subscribe or receive")
        ->check(CLI::IsMember({"publish", "subscribe", "receive"}));
    runs(explaining, explain);
}

}  // namespace berth::app

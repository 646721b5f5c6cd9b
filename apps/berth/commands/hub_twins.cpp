// berth hub twin: what is wanted of a device, and what it says of itself.
#include "berth/commands/hub_group.h"
#include "hub/twin/twins.h"
#include "registry/hub/etag.h"
#include "store/sqlite/twin_store.h"

namespace berth::app {

namespace {

using namespace registry;

struct options {
    std::string hub, name, desired, tags, if_match;
    bool whole = false;
};

void show(const context& c, const identity& of, const twin& t) {
    const auto all = hub::twin_for_service(of, t, {});
    if (c.json) {
        return print_json(all);
    }
    const auto section = [](const char* title, const twin_section& s) {
        fmt::print("  {:<9} version {}{}\n    {}\n", title, s.version,
                   s.changed == 0 ? std::string() : ", " + to_iso8601(s.changed), wire::to_text(s.properties));
    };
    fmt::print("{}\n", of.name.text());
    section("desired", t.desired);
    section("reported", t.reported);
    fmt::print("  tags\n    {}\n  etag {}\n", wire::to_text(all.at("tags")), t.etag(of));
}

result<wire::json::object> read(const std::string& what, const std::string& said) {
    BERTH_TRY(text, text_or_file(said));
    auto out = wire::parse_json_object(text, 2 * most_twin_section);
    if (!out) {
        return fail(std::move(out).error().during(what + " (a JSON object, or @FILE)"));
    }
    return std::move(*out);
}

result<void> show_one(const context& c, const options& o) {
    BERTH_TRY(store, read_hub_store(o.hub));
    BERTH_TRY(of, require_identity(*store, o.name));
    BERTH_TRY(t, store::sqlite_twin_store(*store).twin_of(of.name));
    show(c, of, t);
    return {};
}

result<void> set(const context& c, const options& o) {
    hub::twin_wish wish;
    if (!o.desired.empty()) {
        BERTH_TRY(desired, read("--desired", o.desired));
        wish.desired = std::move(desired);
    }
    if (!o.tags.empty()) {
        BERTH_TRY(tags, read("--tags", o.tags));
        wish.tags = std::move(tags);
    }
    if (!wish.desired && !wish.tags) {
        return fail(error_category::usage, "bad_arguments", "--desired or --tags is needed");
    }
    BERTH_TRY(store, open_hub_store(o.hub));
    store::sqlite_twin_store twins(*store);
    const auto done = store->all_or_nothing([&]() -> result<hub::twin_change> {
        BERTH_TRY(of, require_identity(*store, o.name));
        BERTH_TRY(before, twins.twin_of(of.name));
        if (!o.if_match.empty() && !etag_matches(o.if_match, before.etag(of))) {
            return fail(
                error_category::usage, "etag_mismatch",
                fmt::format("the twin of \"{}\" was changed since it was read: its etag is {} now", o.name, before.etag(of)));
        }
        return hub::change_twin(*store, twins, of, wish, o.whole, system_clock().now());
    });
    if (!done) {
        return fail(done.error());
    }
    show(c, done->identity, done->twin);
    return {};
}

}  // namespace

void add_hub_twins(CLI::App& hub, context& c) {
    hub_group<options> o(hub, c, "twin", "what is wanted of a device (desired), and what it says of itself (reported)");
    constexpr const char* whose = "DEVICE or DEVICE/MODULE";
    o.add_named("show", "both of them, and the tags", "NAME", whose, show_one);
    auto* cmd = o.add_named("set", "change what is wanted, member by member: null takes one out. Who is connected is told",
                            "NAME", whose, set);
    cmd->add_option("--desired", o->desired, "JSON, or @FILE: {\"rate\": 5}");
    cmd->add_option("--tags", o->tags, "JSON, or @FILE: the identity's tags, which devices do not see");
    cmd->add_flag("--whole", o->whole, "in place of all that was there, instead of member by member");
    cmd->add_option("--if-match", o->if_match, "the etag that it was read with: fail if it was changed since");
}

}  // namespace berth::app

// berth hub sink, berth hub telemetry: how far those have come whom berthd tells, and what devices have sent.
#include "berth/commands/hub.h"
#include "hub/telemetry/telemetry_json.h"
#include "store/sqlite/event_positions.h"
#include "store/telemetry/log_reader.h"

namespace berth::app {

namespace {

constexpr std::string_view of_telemetry = "telemetry:";

struct options {
    std::string hub, name;
    uint64_t after = 0, most = 100;
    bool telemetry = false;
};

std::filesystem::path log_of(const options& o) {
    return std::filesystem::path(o.hub) / "telemetry";
}

result<void> list(const context& c, const options& o) {
    BERTH_TRY(store, read_hub_store(o.hub));
    BERTH_TRY(all, store::event_positions(*store).list());
    BERTH_TRY(events, store->newest_event());
    uint64_t messages = 0;
    if (std::filesystem::exists(log_of(o))) {
        BERTH_TRY(newest, store::telemetry_log_reader(log_of(o)).newest());
        messages = newest;
    }
    wire::json::array out;
    for (const auto& [name, position] : all) {
        const bool telemetry = name.starts_with(of_telemetry);
        const std::string shown = telemetry ? name.substr(of_telemetry.size()) : name;
        const uint64_t newest = telemetry ? messages : events;
        if (c.json) {
            out.push_back(wire::json::object{
                {"name", shown}, {"of", telemetry ? "telemetry" : "events"}, {"position", position}, {"newest", newest}});
        } else {
            fmt::print("{:<24} {:<10} has {} of {}\n", shown, telemetry ? "telemetry" : "events", position, newest);
        }
    }
    if (c.json) {
        print_json(wire::json::object{{"sinks", std::move(out)}});
    }
    return {};
}

result<void> replay(const context& c, const options& o) {
    BERTH_TRY(store, open_hub_store(o.hub));
    store::event_positions positions(*store);
    const std::string kept_under = (o.telemetry ? std::string(of_telemetry) : std::string()) + o.name;
    BERTH_TRY(now, positions.find(kept_under));
    if (!now) {
        return fail(error{error_category::usage,
                          "unknown_sink",
                          fmt::format("no sink of {} is called \"{}\": berth hub sink list",
                                      o.telemetry ? "telemetry" : "events (--telemetry: of telemetry)", o.name),
                          {{"name", o.name}}});
    }
    uint64_t newest = 0;
    if (o.telemetry) {
        BERTH_TRY(last, store::telemetry_log_reader(log_of(o)).newest());
        newest = last;
    } else {
        BERTH_TRY(last, store->newest_event());
        newest = last;
    }
    if (o.after > newest) {
        return fail(error_category::usage, "bad_arguments", fmt::format("--after {}: the newest one is {}", o.after, newest));
    }
    BERTH_CHECK(positions.set(kept_under, o.after));
    if (c.json) {
        print_json(wire::json::object{{"name", o.name}, {"position", o.after}, {"was", *now}});
    } else {
        fmt::print("{} is told what is behind {} (it had {}), as far as it is still there\n", o.name, o.after, *now);
    }
    return {};
}

result<void> read(const context&, const options& o) {
    if (!std::filesystem::exists(log_of(o))) {
        return fail(error_category::usage, "no_telemetry_log",
                    fmt::format("{} keeps nothing of what devices send: [[hub.telemetry]] or [hub.telemetry_log]", o.hub));
    }
    store::telemetry_log_reader log(log_of(o));
    uint64_t after = o.after;
    for (uint64_t left = o.most; left > 0;) {
        BERTH_TRY(some, log.read(after, std::min<uint64_t>(left, 1'000)));
        if (some.empty()) {
            break;
        }
        for (const auto& one : some) {
            fmt::print("{}\n", hub::to_json({one.number, one.at_ms, one.topic.text(), one.payload.view()}));
        }
        after = some.back().number;
        left -= some.size();
    }
    return {};
}

}  // namespace

void add_hub_sinks(CLI::App& hub, context& c) {
    const auto o = std::make_shared<options>();
    const auto runs = [&c, o](CLI::App* cmd, result<void> (*work)(const context&, const options&)) {
        cmd->callback([&c, o, work] { c.run([&] { return work(c, *o); }); });
    };
    auto* sinks = hub.add_subcommand("sink", "those whom berthd tells of events and of what devices send");
    sinks->require_subcommand(1);
    runs(hub_command(*sinks, o->hub, "list", "how far each has come"), list);
    auto* cmd = hub_command(*sinks, o->hub, "replay", "have one told again what it had, from a number on");
    cmd->add_option("NAME", o->name, "as in berthd.toml")->required();
    cmd->add_option("--after", o->after, "told is what is behind this number; 0: all that there is")->required();
    cmd->add_flag("--telemetry", o->telemetry, "one of [[hub.telemetry]]; else of [[hub.events]]");
    runs(cmd, replay);
    auto* telemetry = hub.add_subcommand("telemetry", "what devices have sent, as it is kept for back ends");
    telemetry->require_subcommand(1);
    cmd = hub_command(*telemetry, o->hub, "read", "one JSON object a line, in order");
    cmd->add_option("--after", o->after, "from behind this number on")->capture_default_str();
    cmd->add_option("--most", o->most, "so many at most")->capture_default_str();
    runs(cmd, read);
}

}  // namespace berth::app

// berth firmware rollout: who may have a release when (firmware/rollout.h), in a file.
#include "base/descriptor.h"
#include "berth/commands/firmware.h"
#include "common/files.h"
#include "common/words.h"
#include "firmware/rollout.h"
#include "pki/private_key_file.h"

#include <fcntl.h>
#include <sys/file.h>

namespace berth::app {

namespace {

namespace json = wire::json;

constexpr size_t most_state = 64 * 1024 * 1024;  // some 500 000 devices

struct options {
    std::string state, device, why;
    std::vector<std::string> rings, members;
    firmware::rollout_plan plan;
    firmware::ring rules;  // of each ring
    bool done = false, failed = false;
};

json::object counts(const firmware::rollout& r) {
    json::array rings;
    for (size_t i = 0; i < r.plan().rings.size(); ++i) {
        const auto is = r.counted(i);
        rings.push_back(json::object{{"name", r.plan().rings[i].name},
                                     {"begun", i < r.rings_begun()},
                                     {"offered", is.offered},
                                     {"done", is.done},
                                     {"failed", is.failed},
                                     {"late", is.late}});
    }
    return {{"id", r.plan().id},
            {"seq", r.plan().seq},
            {"state", to_string(r.state())},
            {"why", r.why()},
            {"rings", std::move(rings)}};
}

result<void> show(const context& c, const firmware::rollout& r) {
    if (c.json) {
        print_json(counts(r));
        return {};
    }
    fmt::print("{}: seq {}, {}{}{}\n", r.plan().id, r.plan().seq, to_string(r.state()), r.why().empty() ? "" : ": ",
               one_line(r.why()));
    for (size_t i = 0; i < r.plan().rings.size(); ++i) {
        const auto is = r.counted(i);
        fmt::print("  {:<12} {:<8} {} offered, {} done, {} failed, {} late\n", r.plan().rings[i].name,
                   i < r.rings_begun() ? "begun" : "to come", is.offered, is.done, is.failed, is.late);
    }
    return {};
}

// Reads, works, and writes: one process at a time.
template <class F>
result<void> with_state(const options& o, const F& work) {
    const std::string lock_path = o.state + ".lock";
    const descriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!lock || ::flock(lock.get(), LOCK_EX) != 0) {
        return cannot("lock", lock_path);
    }
    BERTH_TRY(there, is_there(o.state));
    if (!there) {
        return fail(error{error_category::usage, "file_not_found",
                          fmt::format("{} is not there: `berth firmware rollout begin` makes it", o.state)}
                        .with("path", o.state));
    }
    BERTH_TRY(octets, pki::read_file(o.state, most_state));
    const std::string text(as_text(octets));
    BERTH_TRY(members, wire::parse_json_object(text, most_state));
    BERTH_TRY(rollout, firmware::rollout::read(members));
    auto outcome = work(rollout);
    const auto now = wire::to_text(rollout.to_json()) + "\n";
    if (now != text) {
        BERTH_CHECK(write_text(o.state, now, 0600));
    }
    return outcome;
}

result<void> begin(const context& c, const options& o) {
    auto plan = o.plan;
    for (const auto& text : o.rings) {
        const size_t colon = text.find(':');
        auto one = o.rules;
        one.name = text.substr(0, colon);
        BERTH_TRY(share, whole_number(colon == std::string::npos ? "" : text.substr(colon + 1), "--ring"));
        one.share = static_cast<unsigned>(std::min<uint64_t>(share, 101));
        plan.rings.push_back(std::move(one));
    }
    for (const auto& text : o.members) {
        BERTH_TRY(named, named_value(text, "--member"));
        const auto ring = std::ranges::find(plan.rings, named.first, &firmware::ring::name);
        if (ring == plan.rings.end()) {
            return fail(error_category::usage, "bad_option", fmt::format("--member {}: there is no ring {}", text, named.first));
        }
        ring->members.insert(named.second);
    }
    BERTH_TRY(rollout, firmware::rollout::make(std::move(plan)));
    BERTH_TRY(there, is_there(o.state));
    if (there) {
        return fail(
            error{error_category::usage, "file_exists", fmt::format("{} is there already, and stays as it is", o.state)}.with(
                "path", o.state));
    }
    BERTH_CHECK(write_text(o.state, wire::to_text(rollout.to_json()) + "\n", 0600));
    return show(c, rollout);
}

result<void> ask(const context& c, const options& o) {
    return with_state(o, [&](firmware::rollout& r) -> result<void> {
        const auto answer = r.ask(o.device, system_clock().now());
        const char* const word = answer == firmware::rollout::answer::offer     ? "offer"
                                 : answer == firmware::rollout::answer::not_yet ? "not_yet"
                                                                                : "never";
        if (c.json) {
            print_json(json::object{{"device", o.device}, {"answer", word}, {"seq", r.plan().seq}});
        } else {
            fmt::print("{}\n", word);
        }
        return {};
    });
}

result<void> report(const context& c, const options& o) {
    if (o.done == o.failed) {
        return fail(error_category::usage, "missing_option", "Say how it went: --done or --failed.");
    }
    return with_state(o, [&](firmware::rollout& r) {
        r.report(o.device, o.done, system_clock().now());
        return show(c, r);
    });
}

// What changes the whole of it, and shows it.
template <class F>
result<void> change(const context& c, const options& o, const F& work) {
    return with_state(o, [&](firmware::rollout& r) -> result<void> {
        const auto now = system_clock().now();
        BERTH_CHECK(work(r, now));
        r.turn(now);
        return show(c, r);
    });
}

result<void> look(const context& c, const options& o) {
    return change(c, o, [](auto&, auto) { return result<void>{}; });
}
result<void> pause(const context& c, const options& o) {
    return change(c, o, [&](auto& r, auto) { return r.pause(o.why); });
}
result<void> resume(const context& c, const options& o) {
    return change(c, o, [](auto& r, auto now) { return r.resume(now); });
}
result<void> abort(const context& c, const options& o) {
    return change(c, o, [&](auto& r, auto) { return r.abort(o.why); });
}
result<void> advance(const context& c, const options& o) {
    return change(c, o, [](auto& r, auto now) { return r.advance(now); });
}
result<void> retry(const context& c, const options& o) {
    return change(c, o, [&](auto& r, auto) { return r.retry(o.device); });
}

void add_begin(CLI::App& command, options& o) {
    command.add_option("id", o.plan.id, "the rollout's name, by which devices fall into rings")->required();
    command.add_option("--seq", o.plan.seq, "of the release")->required();
    command.add_option("--ring", o.rings, "NAME:PERCENT of the devices, in order; all together make 100")
        ->type_name("NAME:PERCENT")
        ->required();
    command.add_option("--member", o.members, "a device that belongs to a ring whatever its share; again for each")
        ->type_name("RING=DEVICE");
    constexpr uint64_t hour = 3600, year = 365 * 24 * hour;
    command
        .add_option("--deadline", o.plan.device_deadline,
                    "seconds from the offer until a device counts as failed (default 1 day)")
        ->check(CLI::Range(uint64_t{1}, year));
    auto& r = o.rules;
    command.add_option("--most-failed", r.most_failed_percent,
                       "percent of a ring's devices that have ended; more pauses it (default 5)");
    command.add_option("--least-ended", r.least_ended, "so many must have ended before that is looked at (default 1)");
    command.add_option("--done", r.done_percent, "percent of those offered it; then the next ring begins (default 90)");
    command.add_option("--least-done", r.least_done, "and so many at least (default 1)");
    command.add_option("--soak", r.soak, "seconds that a ring has been done for before the next begins (default 0)")
        ->check(CLI::Range(uint64_t{0}, year));
}

}  // namespace

void add_firmware_rollout(CLI::App& group, context& c) {
    auto* const rollout =
        group.add_subcommand("rollout", "who may have a release when: rings of devices, stopped where too many fail");
    rollout->require_subcommand(1);
    const auto add = [&](const char* name, const char* about, result<void> (*work)(const context&, const options&),
                         bool device = false, bool why = false) {
        const auto o = std::make_shared<options>();
        auto* const command = rollout->add_subcommand(name, about);
        command->callback([o, &c, work] { c.run([&] { return work(c, *o); }); });
        command->add_option("--state", o->state, "FILE with the rollout")->required();
        if (device) {
            command->add_option("device", o->device, "its name")->required();
        }
        if (why) {
            command->add_option("--why", o->why, "for who looks at it later")->required();
        }
        return std::pair(command, o);
    };
    const auto [first, o] = add("begin", "a new rollout, whose first ring begins", begin);
    add_begin(*first, *o);
    add("ask", "whether a device may have the release now", ask, true);
    const auto [told, how] = add("report", "how it went at a device", report, true);
    told->add_flag("--done", how->done, "installed, and confirmed");
    told->add_flag("--failed", how->failed, "it was not, or came back");
    add("show", "how far it has come", look);
    add("pause", "no device begins", pause, false, true);
    add("resume", "go on; what has failed so far is no longer counted", resume);
    add("abort", "end it for good", abort, false, true);
    add("advance", "begin the next ring now; behind the last, end", advance);
    add("retry", "a device that has failed may try once more", retry, true);
}

}  // namespace berth::app

// berth bench agent: the memory that berth-agent takes of a device while it onboards.
#include "base/log.h"
#include "berth/commands/commands.h"
#include "common/files.h"
#include "crypto/random.h"
#include "scene/world.h"

#include <fstream>

namespace berth::app {

namespace {

namespace fs = std::filesystem;

struct memory {
    size_t resident_kb = 0;  // with the shared pages of its libraries
    size_t private_kb = 0;   // its own alone
};

// What the kernel says now; zeros once the process is gone.
memory memory_of(pid_t pid) {
    memory out;
    std::ifstream rollup(fmt::format("/proc/{}/smaps_rollup", pid));
    for (std::string line; std::getline(rollup, line);) {
        const auto kilobytes = [&](std::string_view name) -> size_t {
            return line.starts_with(name) ? std::stoul(line.substr(name.size())) : 0;
        };
        out.resident_kb += kilobytes("Rss:");
        out.private_kb += kilobytes("Private_Clean:") + kilobytes("Private_Dirty:");
    }
    return out;
}

// One onboarding; the peaks of a look every millisecond.
result<memory> watch(const fs::path& program, const fs::path& bundle) {
    BERTH_TRY(agent, child_process::start(program, {"--bundle", bundle.string(), "--once"}));
    memory peak;
    while (!agent.ended()) {
        const memory seen = memory_of(agent.pid());
        peak.resident_kb = std::max(peak.resident_kb, seen.resident_kb);
        peak.private_kb = std::max(peak.private_kb, seen.private_kb);
        poll_children({&agent}, 1);
    }
    if (agent.exit_code() != 0) {
        std::string said;
        for (const auto& line : agent.take_error_lines()) {
            said += line + "\n";
        }
        return fail(error_category::peer, "onboardings_failed", "berth-agent did not onboard:\n" + said);
    }
    return peak;
}

size_t median(std::vector<size_t> of) {
    std::sort(of.begin(), of.end());
    return of[of.size() / 2];
}

result<void> bench(size_t runs, bool json) {
    BERTH_TRY(name, make_temporary_directory("berth-bench"));
    log::configure(log::level::error, log::format::text);
    world::options how;
    how.directory = name;
    how.customers = {"Birch Energy"};
    how.direct = false;
    how.log_level = "warning";
    BERTH_TRY(program, sibling_program("berth-agent"));
    BERTH_TRY(w, world::make(how, system_clock(), crypto::system_random()));
    std::vector<size_t> resident;
    std::vector<size_t> own;
    for (size_t i = 0; i < runs; ++i) {
        auto order = w->order_for(fmt::format("A-{:06}", i), "Birch Energy");
        order.credentials = {{"device", "p256"}, {"device-pq", "mldsa65"}};
        BERTH_TRY(bundle, w->make_device(order, "Birch Energy"));
        BERTH_TRY(peak, watch(program, bundle));
        resident.push_back(peak.resident_kb);
        own.push_back(peak.private_kb);
    }
    w->stop();
    std::error_code ignored;
    fs::remove_all(name, ignored);
    if (json) {
        print_json(wire::json::object{{"runs", runs}, {"peak_resident_kb", median(resident)}, {"peak_private_kb", median(own)}});
    } else {
        fmt::print("berth-agent, {} onboardings (medians): peak {} kB resident, of which {} kB private\n", runs, median(resident),
                   median(own));
    }
    return {};
}

}  // namespace

void add_bench_agent(CLI::App& group, context& c) {
    const auto runs = std::make_shared<size_t>(5);
    auto* const cmd = group.add_subcommand("agent", "peak memory of berth-agent during an onboarding");
    cmd->add_option("--runs", *runs, "onboardings, of which the median is told (5)")->check(CLI::Range(1, 1000));
    cmd->callback([runs, &c] { c.run([&] { return bench(*runs, c.json); }); });
}

}  // namespace berth::app

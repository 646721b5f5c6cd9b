// berth bench onboard: whole three-party onboardings per second, from one load generator.
#include "base/log.h"
#include "berth/commands/commands.h"
#include "common/files.h"
#include "crypto/random.h"
#include "device/onboarding_run.h"
#include "scene/world.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

namespace berth::app {

namespace {

namespace fs = std::filesystem;

struct options {
    size_t devices = 100;
    size_t concurrency = 10;
    std::string dir;
    std::string device_dir;
};

// Where many devices can write at once as each would on a disk of its own; nothing where there is no such place.
fs::path memory_directory() {
    const fs::path shared = "/dev/shm";
    return ::access(shared.c_str(), W_OK) == 0 ? shared : fs::path();
}

// A directory that is removed when it is no longer needed.
class scratch {
public:
    explicit scratch(fs::path path) : path_(std::move(path)) {}
    scratch(const scratch&) = delete;
    scratch& operator=(const scratch&) = delete;
    ~scratch() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    [[nodiscard]] const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

double cpu_seconds(int who) {
    rusage usage{};
    getrusage(who, &usage);
    const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

milliseconds percentile(std::vector<milliseconds>& sorted, double p) {
    return sorted.empty() ? 0 : sorted[static_cast<size_t>(p * static_cast<double>(sorted.size() - 1))];
}

class load {
public:
    load(net::loop& loop, std::vector<device_bundle>& bundles, size_t concurrency)
        : loop_(loop), bundles_(bundles), concurrency_(concurrency) {}

    void start() {
        for (size_t i = 0; i < std::min(concurrency_, bundles_.size()); ++i) {
            begin_next();
        }
    }
    std::vector<milliseconds> took;
    std::map<std::string, size_t> errors;
    uint64_t octets = 0;

private:
    void begin_next() {
        if (next_ == bundles_.size()) {
            return;
        }
        const size_t i = next_++;
        run_options how;
        how.once = true;
        runs_.emplace(i, std::make_unique<onboarding_run>(loop_, bundles_[i], how, system_clock(), crypto::system_random(),
                                                          [this, i](const run_report& r) { ended(i, r); }));
        runs_[i]->start();
    }
    void ended(size_t i, const run_report& r) {
        if (r.ok) {
            took.push_back(r.took);
            octets += r.octets_sent + r.octets_received;
        } else {
            ++errors[r.why ? r.why->name : "unknown"];
        }
        runs_.erase(i);
        begin_next();
        if (runs_.empty()) {
            loop_.stop();
        }
    }
    net::loop& loop_;
    std::vector<device_bundle>& bundles_;
    size_t concurrency_;
    size_t next_ = 0;
    std::map<size_t, std::unique_ptr<onboarding_run>> runs_;
};

result<void> bench(const options& o, bool json) {
    std::optional<scratch> temporary;
    if (o.dir.empty()) {
        BERTH_TRY(made, make_temporary_directory("berth-bench"));
        temporary.emplace(made);
    }
    BERTH_TRY(devices, make_temporary_directory("berth-bench-devices",
                                                o.device_dir.empty() ? memory_directory() : fs::path(o.device_dir)));
    const scratch device_files(devices);
    log::configure(log::level::error, log::format::text);
    world::options how;
    how.directory = temporary ? temporary->path() : fs::path(o.dir);
    how.devices = device_files.path();
    how.customers = {"Birch Energy"};
    how.direct = false;
    how.log_level = "warning";
    BERTH_TRY(w, world::make(how, system_clock(), crypto::system_random()));
    std::vector<device_bundle> bundles;
    for (size_t i = 0; i < o.devices; ++i) {
        auto order = w->order_for(fmt::format("B-{:06}", i), "Birch Energy");
        // As the figures are defined: ML-DSA-65 and P-256 credentials.
        order.credentials = {{"device", "p256"}, {"device-pq", "mldsa65"}};
        BERTH_TRY(path, w->make_device(order, "Birch Energy"));
        BERTH_TRY(bundle, device_bundle::open(path));
        bundles.push_back(std::move(bundle));
    }
    net::loop loop;
    load generator(loop, bundles, o.concurrency);
    ::pthread_setname_np(::pthread_self(), "berth-devices");  // told apart from the preparations by profilers
    const double cpu_before = cpu_seconds(RUSAGE_SELF);
    const auto servers_before = w->cpu_seconds();
    const auto memory_before = w->resident_kilobytes();
    const auto began = std::chrono::steady_clock::now();
    generator.start();
    loop.run();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    const double cpu_device = cpu_seconds(RUSAGE_SELF) - cpu_before;
    const auto servers_after = w->cpu_seconds();
    const auto memory = w->resident_kilobytes();
    std::sort(generator.took.begin(), generator.took.end());
    size_t failed = 0;
    wire::json::object errors;
    for (const auto& [name, count] : generator.errors) {
        failed += count;
        errors[name] = count;
    }
    wire::json::object servers;
    for (const auto& [name, cpu] : servers_after) {
        servers[name == "masa" ? "masa" : "registrar"] = wire::json::object{{"cpu_s", cpu - servers_before.at(name)},
                                                                            {"peak_resident_kb", memory.at(name)},
                                                                            {"resident_kb_before", memory_before.at(name)}};
    }
    const double rate = static_cast<double>(generator.took.size()) / seconds;
    if (json) {
        print_json(
            wire::json::object{{"devices", o.devices},
                               {"concurrency", o.concurrency},
                               {"seconds", seconds},
                               {"onboardings_per_second", rate},
                               {"ok", generator.took.size()},
                               {"failed", failed},
                               {"errors", errors},
                               {"ms_p50", percentile(generator.took, 0.5)},
                               {"ms_p99", percentile(generator.took, 0.99)},
                               {"octets_per_device", generator.took.empty() ? 0 : generator.octets / generator.took.size()},
                               {"cpu_s_devices", cpu_device},
                               {"servers", servers}});
    } else {
        fmt::print(
            "{} devices, {} at once: {:.1f} onboardings/s, p50 {} ms, p99 {} ms, {} failed; {:.1f} s of CPU in the devices\n",
            o.devices, o.concurrency, rate, percentile(generator.took, 0.5), percentile(generator.took, 0.99), failed,
            cpu_device);
        for (const auto& [name, cpu] : servers_after) {
            fmt::print("  {:<14} {:.2f} s of CPU, {} kB resident before, {} kB at the peak\n",
                       name == "masa" ? "masa" : "registrar", cpu - servers_before.at(name), memory_before.at(name),
                       memory.at(name));
        }
    }
    w->stop();
    if (failed > 0) {
        return fail(error_category::peer, "onboardings_failed", fmt::format("{} onboardings failed", failed));
    }
    return {};
}

}  // namespace

void add_bench(CLI::App& cli, context& c) {
    auto* const group = cli.add_subcommand("bench", "measurements");
    group->require_subcommand(1);
    const auto o = std::make_shared<options>();
    auto* const cmd = group->add_subcommand("onboard", "whole three-party onboardings per second, all parties on this machine");
    cmd->add_option("--devices", o->devices, "how many devices in all (100)")->check(CLI::Range(1, 100000));
    cmd->add_option("--concurrency", o->concurrency, "how many at once (10)")->check(CLI::Range(1, 10000));
    cmd->add_option("--dir", o->dir, "where the servers keep everything (a temporary directory)");
    cmd->add_option("--device-dir", o->device_dir,
                    "below which the devices keep their files while it runs (memory, /dev/shm: a device has a disk of its own)");
    cmd->callback([o, &c] { c.run([&] { return bench(*o, c.json); }); });
    add_bench_agent(*group, c);
}

}  // namespace berth::app

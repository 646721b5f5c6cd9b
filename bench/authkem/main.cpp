// Runs the benchmarks in alternating turns and closes with the ratios that docs/figures.md quotes: medians of the CPU
// time of one thread, each against its counterpart of the same run.
#include "base/bytes.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

namespace {

struct measured {
    std::vector<double> times;
    double octets = 0;
    double median() const {
        auto sorted = times;
        std::sort(sorted.begin(), sorted.end());
        return sorted.empty() ? 0 : sorted[sorted.size() / 2];
    }
};

class ratio_reporter final : public benchmark::ConsoleReporter {
public:
    void ReportRuns(const std::vector<Run>& runs) override {
        std::vector<Run> medians;
        for (const Run& run : runs) {
            if (run.run_type != Run::RT_Iteration || run.iterations == 0) {
                if (run.aggregate_name == "median" || run.iterations == 0) {
                    medians.push_back(run);
                }
                continue;
            }
            measured& m = all_[run.run_name.function_name];
            m.times.push_back(run.cpu_accumulated_time / static_cast<double>(run.iterations));
            if (const auto octets = run.counters.find("octets"); octets != run.counters.end()) {
                m.octets = octets->second;
            }
        }
        ConsoleReporter::ReportRuns(medians);
    }

    void print_ratios() const {
        std::printf("\n%-20s %12s %14s %14s %9s %14s\n", "flow", "engine us", "of bare rate", "x libssl rate", "octets",
                    "of libssl's");
        const auto libssl = all_.find("libssl");
        for (const auto& [name, m] : all_) {
            const auto bare = all_.find(name.starts_with("handshake/") ? "primitives/" + name.substr(10) : "");
            if (bare == all_.end() || m.times.empty()) {
                continue;
            }
            std::printf("%-20s %12.1f %14.3f", name.substr(10).c_str(), m.median() * 1e6, bare->second.median() / m.median());
            if (libssl != all_.end() && !libssl->second.times.empty()) {
                std::printf(" %14.2f %9.0f %14.3f", libssl->second.median() / m.median(), m.octets,
                            m.octets / libssl->second.octets);
            }
            std::printf("\n");
        }
        if (libssl != all_.end()) {
            std::printf("%-20s %12.1f %14s %14.2f %9.0f %14.3f\n", "libssl", libssl->second.median() * 1e6, "", 1.0,
                        libssl->second.octets, 1.0);
        }
    }

private:
    std::map<std::string, measured> all_;
};

}  // namespace

int main(int argc, char** argv) {
    std::vector<char*> arguments(argv, argv + argc);
    // Before what the caller says, which therefore wins.
    std::string repetitions = "--benchmark_repetitions=61";
    std::string interleaved = "--benchmark_enable_random_interleaving=true";
    std::string shortly = "--benchmark_min_time=0.05";
    for (std::string* option : {&shortly, &interleaved, &repetitions}) {
        arguments.insert(arguments.begin() + 1, option->data());
    }
    int count = static_cast<int>(arguments.size());
    benchmark::Initialize(&count, arguments.data());
    if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) {
        return 2;
    }
    ratio_reporter reporter;
    benchmark::RunSpecifiedBenchmarks(&reporter);
    reporter.print_ratios();
    return 0;
}

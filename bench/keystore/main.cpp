// Runs every operation beside its bare call, in alternating turns, and closes with the ratios that docs/figures.md quotes:
// medians, each against its counterpart of the same run.
#include "keystore/calls.h"
#include "keystore/places.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <map>

namespace {

using namespace berth::keystore::bench;

double median(std::vector<double> times) {
    std::sort(times.begin(), times.end());
    return times.empty() ? 0 : times[times.size() / 2];
}

std::string name_of(const comparison& c, const char* side) {
    return c.backend + "/" + c.operation + "/" + side;
}

class ratio_reporter final : public benchmark::ConsoleReporter {
public:
    void ReportRuns(const std::vector<Run>& runs) override {
        std::vector<Run> medians;
        for (const Run& run : runs) {
            if (run.run_type == Run::RT_Iteration && run.iterations > 0) {
                auto& m = all_[run.run_name.function_name];
                m.cpu.push_back(run.cpu_accumulated_time / static_cast<double>(run.iterations));
                m.wall.push_back(run.real_accumulated_time / static_cast<double>(run.iterations));
            } else if (run.aggregate_name == "median" || run.iterations == 0) {
                medians.push_back(run);
            }
        }
        ConsoleReporter::ReportRuns(medians);
    }

    void print_ratios(const std::vector<comparison>& what) const {
        std::printf("\n%-9s %-34s %12s %12s %14s %10s\n", "back end", "operation", "berth us", "bare us", "of bare rate",
                    "overhead");
        for (const comparison& c : what) {
            const auto berth = all_.find(name_of(c, "berth"));
            const auto bare = all_.find(name_of(c, "bare"));
            if (berth == all_.end() || bare == all_.end()) {
                continue;
            }
            const auto time = [&c](const measured& m) { return median(c.elsewhere ? m.wall : m.cpu); };
            const double ours = time(berth->second);
            const double theirs = time(bare->second);
            std::printf("%-9s %-34s %12.1f %12.1f %14.3f %+9.1f%%\n", c.backend.c_str(), c.operation.c_str(), ours * 1e6,
                        theirs * 1e6, theirs / ours, 100 * (ours / theirs - 1));
        }
        std::printf("tpm2, stsafe and handshakes: time that passes; the others: CPU time of the one thread\n");
    }

private:
    struct measured {
        std::vector<double> cpu, wall;
    };
    std::map<std::string, measured> all_;
};

void measure(benchmark::State& state, const maker& make, const std::string& backend) {
    if (const std::string why = not_there(backend); !why.empty()) {
        state.SkipWithError(why.c_str());
        return;
    }
    const call once = make();
    for (auto _ : state) {
        if (!once()) {
            state.SkipWithError("the operation failed");
            return;
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<char*> arguments(argv, argv + argc);
    // Before what the caller says, which therefore wins.
    std::string repetitions = "--benchmark_repetitions=31";
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
    std::vector<comparison> all;
    for (const auto& some : {software_calls(), tpm2_calls(), stsafe_calls(), pkcs11_calls(), handshakes()}) {
        all.insert(all.end(), some.begin(), some.end());
    }
    for (const comparison& c : all) {
        for (const auto& [side, make] : {std::pair("berth", &c.berth), std::pair("bare", &c.bare)}) {
            auto* const one = benchmark::RegisterBenchmark(
                name_of(c, side).c_str(), [make, &c](benchmark::State& state) { measure(state, *make, c.backend); });
            if (c.elsewhere) {
                one->UseRealTime();
            }
        }
    }
    ratio_reporter reporter;
    benchmark::RunSpecifiedBenchmarks(&reporter);
    reporter.print_ratios(all);
    return 0;
}

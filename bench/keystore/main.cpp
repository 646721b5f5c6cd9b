// Runs every operation beside its bare call, in alternating turns, and closes with the ratios that docs/figures.md quotes:
// medians, each against its counterpart of the same run.
#include "keystore/calls.h"
#include "keystore/places.h"
#include "support/turns.h"

#include <cstdio>

namespace {

using namespace berth::keystore::bench;

std::string name_of(const comparison& c, const char* side) {
    return c.backend + "/" + c.operation + "/" + side;
}

void print_ratios(const berth::bench::turn_reporter& turns, const std::vector<comparison>& what) {
    std::printf("\n%-9s %-34s %12s %12s %14s %10s\n", "back end", "operation", "berth us", "bare us", "of bare rate", "overhead");
    for (const comparison& c : what) {
        const auto* const ours_in = turns.find(name_of(c, "berth"));
        const auto* const theirs_in = turns.find(name_of(c, "bare"));
        if (ours_in == nullptr || theirs_in == nullptr) {
            continue;
        }
        const auto time = [&c](const berth::bench::measured& m) { return berth::bench::median(c.elsewhere ? m.wall : m.cpu); };
        const double ours = time(*ours_in);
        const double theirs = time(*theirs_in);
        std::printf("%-9s %-34s %12.1f %12.1f %14.3f %+9.1f%%\n", c.backend.c_str(), c.operation.c_str(), ours * 1e6,
                    theirs * 1e6, theirs / ours, 100 * (ours / theirs - 1));
    }
    std::printf("tpm2, stsafe and handshakes: time that passes; the others: CPU time of the one thread\n");
}

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
    if (!berth::bench::read_options(argc, argv, 31)) {
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
    berth::bench::turn_reporter turns;
    benchmark::RunSpecifiedBenchmarks(&turns);
    print_ratios(turns, all);
    return 0;
}

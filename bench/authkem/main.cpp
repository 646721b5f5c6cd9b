// Closes with the ratios that docs/figures.md quotes: medians of the CPU time of one thread, each against its counterpart of the
// same run.
#include "base/bytes.h"
#include "support/turns.h"

#include <cstdio>

namespace {

using berth::bench::measured;

double octets_of(const measured& m) {
    const auto found = m.counters.find("octets");
    return found == m.counters.end() ? 0 : found->second;
}

void print_ratios(const berth::bench::turn_reporter& turns) {
    std::printf("\n%-20s %12s %14s %14s %9s %14s\n", "flow", "engine us", "of bare rate", "x libssl rate", "octets",
                "of libssl's");
    const auto time = [](const measured& m) { return berth::bench::median(m.cpu); };
    const measured* const libssl = turns.find("libssl");
    for (const auto& [name, m] : turns.all()) {
        const measured* const bare = name.starts_with("handshake/") ? turns.find("primitives/" + name.substr(10)) : nullptr;
        if (bare == nullptr) {
            continue;
        }
        std::printf("%-20s %12.1f %14.3f", name.substr(10).c_str(), time(m) * 1e6, time(*bare) / time(m));
        if (libssl != nullptr) {
            std::printf(" %14.2f %9.0f %14.3f", time(*libssl) / time(m), octets_of(m), octets_of(m) / octets_of(*libssl));
        }
        std::printf("\n");
    }
    if (libssl != nullptr) {
        std::printf("%-20s %12.1f %14s %14.2f %9.0f %14.3f\n", "libssl", time(*libssl) * 1e6, "", 1.0, octets_of(*libssl), 1.0);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (!berth::bench::read_options(argc, argv, 61)) {
        return 2;
    }
    berth::bench::turn_reporter turns;
    benchmark::RunSpecifiedBenchmarks(&turns);
    print_ratios(turns);
    return 0;
}

// What every benchmark program is made of: its benchmarks run in alternating turns, so that what else goes on in the machine hits
// all of them alike, and of each the medians are kept, for the ratios that docs/figures.md quotes.
#pragma once

#include <benchmark/benchmark.h>

#include <map>
#include <string>
#include <vector>

namespace berth::bench {

double median(std::vector<double> values);

struct measured {
    std::vector<double> cpu, wall;  // seconds of one turn each
    std::map<std::string, double> counters;
};

// Prints medians alone, and keeps all turns.
class turn_reporter final : public benchmark::ConsoleReporter {
public:
    void ReportRuns(const std::vector<Run>& runs) override;
    // Nothing: no benchmark of that name has run.
    [[nodiscard]] const measured* find(const std::string& name) const;
    [[nodiscard]] const std::map<std::string, measured>& all() const { return all_; }

private:
    std::map<std::string, measured> all_;
};

// Reads the command line, which may say otherwise than `repetitions` turns of 0.05 s; false: it says something unknown.
bool read_options(int argc, char** argv, int repetitions);

}  // namespace berth::bench

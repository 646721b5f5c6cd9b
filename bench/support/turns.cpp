#include "support/turns.h"

#include <algorithm>

namespace berth::bench {

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values.empty() ? 0 : values[values.size() / 2];
}

void turn_reporter::ReportRuns(const std::vector<Run>& runs) {
    std::vector<Run> medians;
    for (const Run& run : runs) {
        if (run.run_type == Run::RT_Iteration && run.iterations > 0) {
            measured& m = all_[run.run_name.function_name];
            m.cpu.push_back(run.cpu_accumulated_time / static_cast<double>(run.iterations));
            m.wall.push_back(run.real_accumulated_time / static_cast<double>(run.iterations));
            for (const auto& [name, counter] : run.counters) {
                m.counters[name] = counter;
            }
        } else if (run.aggregate_name == "median" || run.iterations == 0) {
            medians.push_back(run);
        }
    }
    ConsoleReporter::ReportRuns(medians);
}

const measured* turn_reporter::find(const std::string& name) const {
    const auto found = all_.find(name);
    return found == all_.end() ? nullptr : &found->second;
}

bool read_options(int argc, char** argv, int repetitions) {
    // Before what the caller says, which therefore wins. The library keeps pointers into them.
    static std::vector<std::string> usual{"--benchmark_repetitions=" + std::to_string(repetitions),
                                          "--benchmark_enable_random_interleaving=true", "--benchmark_min_time=0.05"};
    std::vector<char*> arguments(argv, argv + argc);
    for (std::string& option : usual) {
        arguments.insert(arguments.begin() + 1, option.data());
    }
    int count = static_cast<int>(arguments.size());
    benchmark::Initialize(&count, arguments.data());
    return !benchmark::ReportUnrecognizedArguments(count, arguments.data());
}

}  // namespace berth::bench

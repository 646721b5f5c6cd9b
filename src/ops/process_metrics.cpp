#include "ops/metrics.h"

#include <ctime>
#include <filesystem>
#include <fstream>

#include <sys/resource.h>
#include <unistd.h>

namespace berth::ops {

namespace {

double resident_octets() {
    // /proc/self/statm: size, resident, ... in pages.
    std::ifstream in("/proc/self/statm");
    double size = 0;
    double resident = 0;
    in >> size >> resident;
    return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double cpu_seconds() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

double open_files() {
    std::error_code ec;
    double count = 0;
    for (auto each = std::filesystem::directory_iterator("/proc/self/fd", ec);
         !ec && each != std::filesystem::directory_iterator(); each.increment(ec)) {
        ++count;
    }
    return count;
}

double most_files() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return static_cast<double>(limit.rlim_cur);
}

}  // namespace

void add_process_metrics(metric_registry& to, const std::string& version) {
    to.gauges("berth_build_info", "1; the version is in the label", {"version"}).with({version}).set(1);
    to.gauges("process_start_time_seconds", "When the process began, seconds since 1970")
        .plain()
        .set(static_cast<double>(std::time(nullptr)));
    const auto cpu = to.counters("process_cpu_seconds_total", "User and system time spent").plain();
    const auto memory = to.gauges("process_resident_memory_bytes", "Memory in use").plain();
    const auto open = to.gauges("process_open_fds", "Open files and sockets").plain();
    const auto most = to.gauges("process_max_fds", "How many may be open").plain();
    to.before_text([=] {
        cpu.add(std::max(0.0, cpu_seconds() - cpu.value()));
        memory.set(resident_octets());
        open.set(open_files());
        most.set(most_files());
    });
}

}  // namespace berth::ops

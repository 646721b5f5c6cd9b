// What the product counts, for Prometheus. Handles are cheap to copy, usable from any thread, and good for as long as the
// registry lives.
//
//     ops::metric_registry metrics;
//     const auto refused = metrics.counters("berth_handshakes_refused_total", "Handshakes that failed", {"listener", "error"});
//     refused.with({"kk2", why.name}).add();
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace berth::ops {

class counter {
public:
    void add(double by = 1) const;
    [[nodiscard]] double value() const;

private:
    friend struct family_core;
    explicit counter(prometheus::Counter* of) : of_(of) {}
    prometheus::Counter* of_;
};

class gauge {
public:
    void set(double to) const;
    void add(double by) const;
    [[nodiscard]] double value() const;

private:
    friend struct family_core;
    explicit gauge(prometheus::Gauge* of) : of_(of) {}
    prometheus::Gauge* of_;
};

class histogram {
public:
    void observe(double value) const;

private:
    friend struct family_core;
    explicit histogram(prometheus::Histogram* of) : of_(of) {}
    prometheus::Histogram* of_;
};

// A family has one series per combination of label values, made when it is first asked for. Values must come from our own
// code (names of errors, routes, roles), never from a peer; should one slip through, all series beyond `most_series` are
// counted together under "other", so that nobody can fill the memory.
template <class Metric>
class metric_family {
public:
    static constexpr size_t most_series = 1'000;
    // As many values as the family has labels; too few are filled up with "", too many dropped.
    [[nodiscard]] Metric with(const std::vector<std::string>& values) const;
    // The series is told no longer; its handles must not be used any more.
    void forget(const std::vector<std::string>& values) const;
    // The series of a family without labels.
    [[nodiscard]] Metric plain() const { return with({}); }

    struct impl;
    explicit metric_family(std::shared_ptr<impl> i) : impl_(std::move(i)) {}

private:
    std::shared_ptr<impl> impl_;
};

using counter_family = metric_family<counter>;
using gauge_family = metric_family<gauge>;
using histogram_family = metric_family<histogram>;

class metric_registry {
public:
    metric_registry();
    ~metric_registry();
    metric_registry(const metric_registry&) = delete;
    metric_registry& operator=(const metric_registry&) = delete;

    // Asking again for a family of the same name and kind gives the same one. A name or label that Prometheus does not
    // allow, or the name of another kind, is a mistake in our program: it aborts.
    counter_family counters(const std::string& name, const std::string& help, std::vector<std::string> labels = {});
    gauge_family gauges(const std::string& name, const std::string& help, std::vector<std::string> labels = {});
    // `bounds`: upper bounds of the buckets, ascending.
    histogram_family histograms(const std::string& name, const std::string& help, std::vector<double> bounds,
                                std::vector<std::string> labels = {});
    // Called before each text(), to set gauges that are looked up rather than kept.
    void before_text(std::function<void()> update);

    // The text format, version 0.0.4.
    [[nodiscard]] std::string text() const;
    static constexpr const char* text_type = "text/plain; version=0.0.4; charset=utf-8";

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

// From `first`, each bound `factor` times the one before: exponential_bounds(0.001, 2, 12) for seconds.
std::vector<double> exponential_bounds(double first, double factor, size_t count);

// process_cpu_seconds_total, process_resident_memory_bytes, process_open_fds, process_max_fds, process_start_time_seconds:
// the names that every exporter uses. `berth_build_info{version}` is 1.
void add_process_metrics(metric_registry& to, const std::string& version);

}  // namespace berth::ops

#include "ops/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>

#include <fmt/format.h>

namespace berth::ops {

namespace {

[[noreturn]] void mistake(const std::string& name, const char* what) {
    std::fputs(fmt::format("berth: the metric {}: {}\n", name, what).c_str(), stderr);
    std::abort();
}

prometheus::Labels label_set(const std::vector<std::string>& names, const std::vector<std::string>& values) {
    prometheus::Labels out;
    for (size_t i = 0; i < names.size(); ++i) {
        out[names[i]] = i < values.size() ? values[i] : "";
    }
    return out;
}

}  // namespace

struct family_core {
    template <class Metric, class Native>
    static Metric handle(Native& native) {
        return Metric(&native);
    }
    template <class Native, class Metric>
    static Native* native(const Metric& of) {
        return of.of_;
    }
};

namespace {

template <class Metric>
struct native_of;
template <>
struct native_of<counter> {
    using type = prometheus::Counter;
};
template <>
struct native_of<gauge> {
    using type = prometheus::Gauge;
};
template <>
struct native_of<histogram> {
    using type = prometheus::Histogram;
};

}  // namespace

template <class Metric>
struct metric_family<Metric>::impl {
    using native = typename native_of<Metric>::type;
    impl(prometheus::Family<native>& f, std::vector<std::string> l, std::vector<double> b)
        : family(f), labels(std::move(l)), bounds(std::move(b)) {}

    Metric make(const std::vector<std::string>& values) {
        if constexpr (std::is_same_v<Metric, histogram>) {
            return family_core::handle<Metric>(family.Add(label_set(labels, values), bounds));
        } else {
            return family_core::handle<Metric>(family.Add(label_set(labels, values)));
        }
    }

    prometheus::Family<native>& family;
    std::vector<std::string> labels;
    std::vector<double> bounds;
    std::mutex mutex;
    std::map<std::vector<std::string>, Metric> series;
};

template <class Metric>
Metric metric_family<Metric>::with(const std::vector<std::string>& values) const {
    const std::scoped_lock lock(impl_->mutex);
    std::vector<std::string> full = values;
    full.resize(impl_->labels.size());
    if (const auto known = impl_->series.find(full); known != impl_->series.end()) {
        return known->second;
    }
    if (impl_->series.size() >= most_series) {
        full.assign(full.size(), "other");
    }
    try {
        return impl_->series.emplace(full, impl_->make(full)).first->second;
    } catch (const std::exception& e) {
        mistake(impl_->family.GetName(), e.what());
    }
}

template <class Metric>
void metric_family<Metric>::forget(const std::vector<std::string>& values) const {
    const std::scoped_lock lock(impl_->mutex);
    std::vector<std::string> full = values;
    full.resize(impl_->labels.size());
    if (const auto known = impl_->series.find(full); known != impl_->series.end()) {
        impl_->family.Remove(family_core::native<typename impl::native>(known->second));
        impl_->series.erase(known);
    }
}

template class metric_family<counter>;
template class metric_family<gauge>;
template class metric_family<histogram>;

void counter::add(double by) const {
    of_->Increment(by);
}
double counter::value() const {
    return of_->Value();
}
void gauge::set(double to) const {
    of_->Set(to);
}
void gauge::add(double by) const {
    of_->Increment(by);
}
double gauge::value() const {
    return of_->Value();
}
void histogram::observe(double value) const {
    of_->Observe(value);
}

struct metric_registry::impl {
    prometheus::Registry registry{prometheus::Registry::InsertBehavior::Throw};
    mutable std::mutex mutex;
    std::map<std::string, counter_family> counters;
    std::map<std::string, gauge_family> gauges;
    std::map<std::string, histogram_family> histograms;
    std::vector<std::function<void()>> updates;

    template <class Metric, class Builder>
    metric_family<Metric> family(std::map<std::string, metric_family<Metric>>& known, Builder builder, const std::string& name,
                                 const std::string& help, std::vector<std::string> labels, std::vector<double> bounds) {
        const std::scoped_lock lock(mutex);
        if (const auto found = known.find(name); found != known.end()) {
            return found->second;
        }
        try {
            auto& made = builder.Name(name).Help(help).Register(registry);
            using family_impl = typename metric_family<Metric>::impl;
            return known
                .emplace(name, metric_family<Metric>(std::make_shared<family_impl>(made, std::move(labels), std::move(bounds))))
                .first->second;
        } catch (const std::exception& e) {
            mistake(name, e.what());
        }
    }
};

metric_registry::metric_registry() : impl_(std::make_unique<impl>()) {}
metric_registry::~metric_registry() = default;

counter_family metric_registry::counters(const std::string& name, const std::string& help, std::vector<std::string> labels) {
    return impl_->family(impl_->counters, prometheus::BuildCounter(), name, help, std::move(labels), {});
}

gauge_family metric_registry::gauges(const std::string& name, const std::string& help, std::vector<std::string> labels) {
    return impl_->family(impl_->gauges, prometheus::BuildGauge(), name, help, std::move(labels), {});
}

histogram_family metric_registry::histograms(const std::string& name, const std::string& help, std::vector<double> bounds,
                                             std::vector<std::string> labels) {
    return impl_->family(impl_->histograms, prometheus::BuildHistogram(), name, help, std::move(labels), std::move(bounds));
}

void metric_registry::before_text(std::function<void()> update) {
    const std::scoped_lock lock(impl_->mutex);
    impl_->updates.push_back(std::move(update));
}

std::string metric_registry::text() const {
    std::vector<std::function<void()>> updates;
    {
        const std::scoped_lock lock(impl_->mutex);
        updates = impl_->updates;
    }
    for (const auto& update : updates) {
        update();
    }
    return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

std::vector<double> exponential_bounds(double first, double factor, size_t count) {
    std::vector<double> out;
    for (size_t i = 0; i < count; ++i, first *= factor) {
        out.push_back(first);
    }
    return out;
}

}  // namespace berth::ops

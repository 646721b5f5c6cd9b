#include "hub_server/broker_reports.h"

namespace berth::app {

namespace {

const char* name_of(bool provisioning) {
    return provisioning ? "provisioning" : "hub";
}

void count(const ops::counter_family& into, bool provisioning, std::string_view what, uint64_t times) {
    if (times != 0) {
        into.with({name_of(provisioning), std::string(what)}).add(static_cast<double>(times));
    }
}

void count(const ops::counter_family& into, bool provisioning, const hub::refusal_counts& times) {
    for (size_t i = 0; i < times.size(); ++i) {
        count(into, provisioning, to_string(static_cast<hub::login_refusal>(i)), times[i]);
    }
}

}  // namespace

broker_reports::broker_reports(ops::metric_registry& metrics, const clock& time)
    : clock_(time),
      logins_(metrics.counters("berth_hub_logins_total", "Who came in at a broker, and by what", {"broker", "by"})),
      refusals_(metrics.counters("berth_hub_refusals_total", "Who did not come in at a broker, and why", {"broker", "reason"})),
      cuts_(metrics.counters("berth_hub_sessions_cut_total", "Sessions at a broker that were ended, and why",
                             {"broker", "reason"})),
      sessions_(metrics.gauges("berth_hub_sessions", "Sessions at brokers now", {"broker"})) {
    metrics.before_text([this, alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) {
            count_sessions();
        }
    });
}

void broker_reports::take(const hub::broker_report& report) {
    count(logins_, report.provisioning, "certificate", report.by_certificate);
    count(logins_, report.provisioning, "key", report.by_key);
    count(refusals_, report.provisioning, report.refused);
    count(cuts_, report.provisioning, report.cut);
    heard_[report.provisioning ? 1 : 0] = true;
    if (brokers_.size() < most_runs || brokers_.contains(report.run)) {
        brokers_[report.run] = {report.provisioning, report.sessions, clock_.steady()};
    }
}

void broker_reports::count_sessions() {
    const milliseconds now = clock_.steady();
    std::erase_if(brokers_, [now](const auto& one) { return now - one.second.heard > silence; });
    uint64_t there[2] = {0, 0};
    for (const auto& [run, one] : brokers_) {
        there[one.provisioning ? 1 : 0] += one.sessions;
    }
    for (const bool provisioning : {false, true}) {
        if (heard_[provisioning ? 1 : 0]) {
            sessions_.with({name_of(provisioning)}).set(static_cast<double>(there[provisioning ? 1 : 0]));
        }
    }
}

}  // namespace berth::app

// What the plugins of a hub's brokers have counted, in /metrics:
//
//   berth_hub_logins_total{broker,by}           who came in, by certificate or key
//   berth_hub_refusals_total{broker,reason}     who did not; reasons as in docs/hub.md, handshakes among them
//   berth_hub_sessions_cut_total{broker,reason} who was in and had to go
//   berth_hub_sessions{broker}                  who is in
#pragma once

#include "base/clock.h"
#include "hub/carrier/report.h"
#include "ops/metrics.h"

#include <map>

namespace berth::app {

class broker_reports {
public:
    broker_reports(ops::metric_registry& metrics, const clock& time);

    void take(const hub::broker_report& report);
    // A broker that has said nothing for so long has ended.
    static constexpr milliseconds silence = 30'000;
    // Processes whose sessions are known; there are not as many brokers on a machine.
    static constexpr size_t most_runs = 64;

private:
    struct broker {
        bool provisioning = false;
        uint64_t sessions = 0;
        milliseconds heard = 0;
    };
    void count_sessions();

    const clock& clock_;
    ops::counter_family logins_, refusals_, cuts_;
    ops::gauge_family sessions_;
    std::map<std::string, broker> brokers_;  // by run
    bool heard_[2] = {false, false};         // of a hub's, of a provisioning one
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace berth::app

// Makes the steps S1..S14 visible: one structured log line each, with one id per onboarding through all three parties
// (hex of kk3_id; before KK3 stands, the device's serial alone).
#pragma once

#include "base/clock.h"
#include "onboarding/steps.h"

#include <functional>

namespace berth::app {

struct observed_step {
    onboarding::party who = onboarding::party::device;
    std::string serial;
    std::string id;
    onboarding::step_event what;
    milliseconds at = 0;  // since the session began, where that is known
};

// Told of every step, besides the log: metrics, the demonstration.
using step_observer = std::function<void(const observed_step&)>;

void log_step(const observed_step& s);
// How an onboarding ended, as one party saw it: "ok" or a refusal's name.
void log_outcome(onboarding::party who, const std::string& serial, const std::string& id, const std::string& outcome);

}  // namespace berth::app

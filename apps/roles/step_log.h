// Makes the steps S1..S14 visible: one structured log line each, with one id per onboarding through all three parties
// (hex of kk3_id; before KK3 stands, the device's serial alone).
#pragma once

#include "base/clock.h"
#include "base/result.h"
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

// Told of everything that is logged here: metrics.
struct role_observer {
    std::function<void(const observed_step&)> step;
    std::function<void(onboarding::party, const std::string& outcome)> outcome;
    std::function<void(onboarding::party, const std::string& error)> handshake_failed;
};

void note_step(const observed_step& s, const role_observer& observer);
// How an onboarding ended, as one party saw it: "ok" or a refusal's name.
void note_outcome(onboarding::party who, const std::string& serial, const std::string& id, const std::string& outcome,
                  const role_observer& observer);
void note_handshake_failure(onboarding::party who, const std::string& peer, const error& why, const role_observer& observer);

}  // namespace berth::app

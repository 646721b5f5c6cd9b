#include "roles/role_metrics.h"

namespace berth::app {

role_observer count_into(ops::metric_registry& metrics) {
    const auto steps = metrics.counters("berth_onboarding_steps_total",
                                        "Steps S1..S14, each counted by the party in whose hands it lies", {"party", "step"});
    const auto outcomes = metrics.counters("berth_onboardings_total", "Onboardings that ended, \"ok\" or by the refusal's name",
                                           {"party", "outcome"});
    const auto failures = metrics.counters("berth_handshakes_failed_total", "AuthKEM handshakes that failed", {"party", "error"});
    role_observer out;
    out.step = [steps](const observed_step& s) {
        steps.with({std::string(to_string(s.who)), onboarding::name_of(s.what.which)}).add();
    };
    out.outcome = [outcomes](onboarding::party who, const std::string& outcome) {
        outcomes.with({std::string(to_string(who)), outcome}).add();
    };
    out.handshake_failed = [failures](onboarding::party who, const std::string& error) {
        failures.with({std::string(to_string(who)), error}).add();
    };
    return out;
}

}  // namespace berth::app

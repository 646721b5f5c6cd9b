// What Prometheus is told of the roles, under names that docs/berthd.md lists.
#pragma once

#include "ops/metrics.h"
#include "roles/step_log.h"

namespace berth::app {

// Counts into `metrics`, which must outlive the roles: berth_onboarding_steps_total{party,step},
// berth_onboardings_total{party,outcome}, berth_handshakes_failed_total{party,error}.
role_observer count_into(ops::metric_registry& metrics);

}  // namespace berth::app

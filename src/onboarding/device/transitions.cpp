#include "onboarding/device/transitions.h"

namespace berth::onboarding {

std::string_view to_string(device_state s) {
    switch (s) {
    case device_state::idle: return "idle";
    case device_state::reaching_masa: return "reaching_masa";
    case device_state::awaiting_grant: return "awaiting_grant";
    case device_state::challenged: return "challenged";
    case device_state::installing: return "installing";
    case device_state::reporting: return "reporting";
    case device_state::done: return "done";
    case device_state::ended: return "ended";
    }
    return "";
}

std::string_view to_string(device_event e) {
    switch (e) {
    case device_event::start: return "start";
    case device_event::start_report: return "start_report";
    case device_event::tunnel: return "tunnel";
    case device_event::kk3_completed: return "kk3_completed";
    case device_event::pending: return "pending";
    case device_event::challenge: return "challenge";
    case device_event::grant_accepted: return "grant_accepted";
    case device_event::installed: return "installed";
    case device_event::result_ack: return "result_ack";
    case device_event::error: return "error";
    case device_event::refused_here: return "refused_here";
    }
    return "";
}

}  // namespace berth::onboarding

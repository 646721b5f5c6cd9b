#include "onboarding/masa/transitions.h"

namespace berth::onboarding {

std::string_view to_string(masa_state s) {
    switch (s) {
    case masa_state::absent: return "absent";
    case masa_state::open: return "open";
    case masa_state::deciding: return "deciding";
    case masa_state::authorized: return "authorized";
    }
    return "";
}

std::string_view to_string(masa_event e) {
    switch (e) {
    case masa_event::session_open: return "session_open";
    case masa_event::tunnel: return "tunnel";
    case masa_event::authorization_request: return "authorization_request";
    case masa_event::decided: return "decided";
    case masa_event::result: return "result";
    case masa_event::release: return "release";
    case masa_event::error: return "error";
    }
    return "";
}

}  // namespace berth::onboarding

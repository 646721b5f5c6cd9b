#include "onboarding/registrar/transitions.h"

namespace berth::onboarding {

std::string_view to_string(registrar_state s) {
    switch (s) {
    case registrar_state::greeted: return "greeted";
    case registrar_state::relaying: return "relaying";
    case registrar_state::authorizing: return "authorizing";
    case registrar_state::authorized: return "authorized";
    case registrar_state::proving: return "proving";
    case registrar_state::issuing: return "issuing";
    case registrar_state::granted: return "granted";
    case registrar_state::done: return "done";
    case registrar_state::ended: return "ended";
    }
    return "";
}

std::string_view to_string(registrar_event e) {
    switch (e) {
    case registrar_event::onboard_request: return "onboard_request";
    case registrar_event::tunnel: return "tunnel";
    case registrar_event::authorization_request: return "authorization_request";
    case registrar_event::credential_requests: return "credential_requests";
    case registrar_event::authorization: return "authorization";
    case registrar_event::challenge_sent: return "challenge_sent";
    case registrar_event::challenge_response: return "challenge_response";
    case registrar_event::ca_asked: return "ca_asked";
    case registrar_event::ca_delayed: return "ca_delayed";
    case registrar_event::granted: return "granted";
    case registrar_event::result: return "result";
    case registrar_event::configuration_request: return "configuration_request";
    case registrar_event::error: return "error";
    case registrar_event::refused_here: return "refused_here";
    }
    return "";
}

}  // namespace berth::onboarding

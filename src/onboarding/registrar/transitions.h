// The registrar's machine on one KK2.
#pragma once

#include "onboarding/transitions.h"

#include <array>

namespace berth::onboarding {

enum class registrar_state : uint8_t {
    greeted,      // KK2 stands, nothing received
    relaying,     // `onboard_request` came; KK3's octets pass
    authorizing,  // `authorization_request` came and was forwarded
    authorized,   // S11 held; `credential_requests`, approval and possession are collected
    proving,      // the challenge is sent
    issuing,      // the CA was asked
    granted,      // `grant` is sent
    done,         // `result` stored and acknowledged
    ended,
};

enum class registrar_event : uint8_t {
    onboard_request,
    tunnel,
    authorization_request,
    credential_requests,
    authorization,
    challenge_sent,
    challenge_response,
    ca_asked,
    ca_delayed,
    granted,
    result,
    configuration_request,
    error,
    refused_here,
};

inline constexpr std::array<transition<registrar_state, registrar_event>, 38> registrar_transitions{{
    {registrar_state::greeted, registrar_event::onboard_request, registrar_state::relaying},
    {registrar_state::greeted, registrar_event::result, registrar_state::done},  // "as its first and only frame"
    {registrar_state::greeted, registrar_event::configuration_request, registrar_state::done},
    {registrar_state::relaying, registrar_event::tunnel, registrar_state::relaying},
    {registrar_state::relaying, registrar_event::authorization_request, registrar_state::authorizing},
    {registrar_state::authorizing, registrar_event::authorization_request, registrar_state::authorizing},
    {registrar_state::authorizing, registrar_event::credential_requests, registrar_state::authorizing},
    {registrar_state::authorizing, registrar_event::authorization, registrar_state::authorized},
    {registrar_state::authorized, registrar_event::authorization, registrar_state::authorized},
    {registrar_state::authorized, registrar_event::authorization_request, registrar_state::authorized},
    {registrar_state::authorized, registrar_event::credential_requests, registrar_state::authorized},
    {registrar_state::authorized, registrar_event::challenge_sent, registrar_state::proving},
    {registrar_state::authorized, registrar_event::ca_asked, registrar_state::issuing},
    {registrar_state::proving, registrar_event::challenge_response, registrar_state::proving},
    {registrar_state::proving, registrar_event::authorization, registrar_state::proving},
    {registrar_state::proving, registrar_event::authorization_request, registrar_state::proving},  // crossed the challenge
    {registrar_state::proving, registrar_event::ca_asked, registrar_state::issuing},
    {registrar_state::issuing, registrar_event::authorization_request, registrar_state::issuing},
    {registrar_state::issuing, registrar_event::authorization, registrar_state::issuing},
    {registrar_state::issuing, registrar_event::ca_delayed, registrar_state::issuing},  // it will answer later
    {registrar_state::issuing, registrar_event::granted, registrar_state::granted},
    {registrar_state::granted, registrar_event::result, registrar_state::done},
    {registrar_state::granted, registrar_event::authorization, registrar_state::granted},
    {registrar_state::granted, registrar_event::authorization_request, registrar_state::granted},  // crossed the grant
    {registrar_state::greeted, registrar_event::refused_here, registrar_state::ended},
    {registrar_state::relaying, registrar_event::refused_here, registrar_state::ended},
    {registrar_state::authorizing, registrar_event::refused_here, registrar_state::ended},
    {registrar_state::authorized, registrar_event::refused_here, registrar_state::ended},
    {registrar_state::proving, registrar_event::refused_here, registrar_state::ended},
    {registrar_state::issuing, registrar_event::refused_here, registrar_state::ended},
    {registrar_state::granted, registrar_event::refused_here, registrar_state::ended},
    {registrar_state::done, registrar_event::refused_here, registrar_state::done},
    {registrar_state::relaying, registrar_event::error, registrar_state::ended},
    {registrar_state::authorizing, registrar_event::error, registrar_state::ended},
    {registrar_state::authorized, registrar_event::error, registrar_state::ended},
    {registrar_state::proving, registrar_event::error, registrar_state::ended},
    {registrar_state::issuing, registrar_event::error, registrar_state::ended},
    {registrar_state::granted, registrar_event::error, registrar_state::ended},
}};

std::string_view to_string(registrar_state s);
std::string_view to_string(registrar_event e);

}  // namespace berth::onboarding

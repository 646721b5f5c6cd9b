// One session of the MASA's machine on KK1.
#pragma once

#include "onboarding/transitions.h"

#include <array>

namespace berth::onboarding {

enum class masa_state : uint8_t {
    absent,      // no such session, or it has ended
    open,        // `session_open` came; KK3 may be tunnelled
    deciding,    // `authorization_request` came; a direct KK3 is looked for
    authorized,  // `authorization` was sent
};

enum class masa_event : uint8_t { session_open, tunnel, authorization_request, decided, result, release, error };

inline constexpr std::array<transition<masa_state, masa_event>, 15> masa_transitions{{
    {masa_state::absent, masa_event::session_open, masa_state::open},
    {masa_state::absent, masa_event::result, masa_state::absent},  // "Frames for ended sessions are dropped, except `result`."
    {masa_state::absent, masa_event::release, masa_state::absent},
    {masa_state::open, masa_event::tunnel, masa_state::open},
    {masa_state::open, masa_event::authorization_request, masa_state::deciding},
    {masa_state::open, masa_event::result, masa_state::absent},
    {masa_state::open, masa_event::error, masa_state::absent},
    {masa_state::deciding, masa_event::decided, masa_state::authorized},
    {masa_state::deciding, masa_event::authorization_request, masa_state::deciding},
    {masa_state::deciding, masa_event::error, masa_state::absent},
    {masa_state::authorized, masa_event::authorization_request, masa_state::deciding},
    {masa_state::authorized, masa_event::result, masa_state::absent},
    {masa_state::authorized, masa_event::error, masa_state::absent},
    {masa_state::deciding, masa_event::result, masa_state::absent},
    {masa_state::absent, masa_event::error, masa_state::absent},
}};

std::string_view to_string(masa_state s);
std::string_view to_string(masa_event e);

}  // namespace berth::onboarding

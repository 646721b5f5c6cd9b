// The device's machine on KK2.
#pragma once

#include "onboarding/transitions.h"

#include <array>

namespace berth::onboarding {

enum class device_state : uint8_t {
    idle,            // nothing sent
    reaching_masa,   // KK3 is being made, through the tunnel or over its own connection
    awaiting_grant,  // 3 and 5 are sent
    challenged,      // the one challenge is answered
    installing,      // S14 accepted; the caller installs
    reporting,       // `result` is sent
    done,
    ended,  // refused, failed or to be begun anew
};

enum class device_event : uint8_t {
    start,
    start_report,  // an installation of an earlier KK2 whose result nobody acknowledged
    tunnel,
    kk3_completed,
    pending,
    challenge,
    grant_accepted,
    installed,
    result_ack,
    error,
    refused_here,
};

inline constexpr std::array<transition<device_state, device_event>, 28> device_transitions{{
    {device_state::idle, device_event::start, device_state::reaching_masa},
    {device_state::idle, device_event::start_report, device_state::reporting},
    {device_state::reaching_masa, device_event::tunnel, device_state::reaching_masa},
    {device_state::reaching_masa, device_event::kk3_completed, device_state::awaiting_grant},
    {device_state::reaching_masa, device_event::error, device_state::ended},
    {device_state::reaching_masa, device_event::refused_here, device_state::ended},
    {device_state::awaiting_grant, device_event::pending, device_state::awaiting_grant},
    {device_state::awaiting_grant, device_event::challenge, device_state::challenged},
    {device_state::awaiting_grant, device_event::grant_accepted, device_state::installing},
    {device_state::awaiting_grant, device_event::error, device_state::ended},
    {device_state::awaiting_grant, device_event::refused_here, device_state::ended},
    {device_state::challenged, device_event::pending, device_state::challenged},
    {device_state::challenged, device_event::grant_accepted, device_state::installing},
    {device_state::challenged, device_event::error, device_state::ended},
    {device_state::challenged, device_event::refused_here, device_state::ended},
    {device_state::installing, device_event::installed, device_state::reporting},
    {device_state::installing, device_event::pending, device_state::installing},  // late, and no news any more
    {device_state::installing, device_event::error, device_state::installing},
    {device_state::installing, device_event::refused_here, device_state::ended},
    {device_state::reporting, device_event::result_ack, device_state::done},
    {device_state::reporting, device_event::pending, device_state::reporting},
    {device_state::reporting, device_event::error, device_state::ended},
    {device_state::reporting, device_event::refused_here, device_state::ended},
    {device_state::idle, device_event::refused_here, device_state::ended},
    {device_state::idle, device_event::error, device_state::ended},
    {device_state::done, device_event::error, device_state::done},
    {device_state::done, device_event::refused_here, device_state::done},
    {device_state::ended, device_event::refused_here, device_state::ended},
}};

std::string_view to_string(device_state s);
std::string_view to_string(device_event e);

}  // namespace berth::onboarding

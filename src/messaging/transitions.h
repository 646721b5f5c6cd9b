// How far a registration is, at either party: the tables that registration.cpp and registration_client.cpp go by, and that a
// test prints into docs/message-security.md section 2.
#pragma once

#include "messaging/peer.h"

#include <span>

namespace berth::messaging {

// Of one login at the gateway; and of the manager that has logged in.
enum class stage : uint8_t { logged_in, keyed, named, located, confirming, registered, ended };
enum class event : uint8_t { exchange, identity, repository, confirm, confirmed, deregister, late, refused };

std::string_view to_string(stage s);
std::string_view to_string(event e);

struct transition {
    stage from;
    event on;
    stage to;
};
std::span<const transition> transitions(role of);
std::optional<stage> next_stage(role of, stage from, event on);
// As they stand in the documentation.
std::string transition_table(role of);

}  // namespace berth::messaging

// The life of one registration, as a table: (state, event) -> state. What is not in it does not happen.
// docs/provisioning-transitions.md is printed from it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace berth::provisioning {

enum class state : uint8_t {
    unassigned,  // nothing was asked yet
    assigning,   // a hub is being chosen
    asking,      // an operator's program is being asked which
    assigned,
    failed,
    disabled,  // its enrolment, or its identity at the hub
};
inline constexpr size_t states = 6;

enum class event : uint8_t {
    registered,  // the device asks, and an enrolment takes it in
    ask,         // the enrolment has a webhook
    chosen,      // a hub was chosen, and its identity is there
    refused,     // none can be, or the identity or certificate cannot be made
    shut,        // what it would be given is disabled
    late,        // nobody has answered in time
};
inline constexpr size_t events = 6;

std::string_view to_string(state s);
std::string_view to_string(event e);

struct transition {
    state from;
    event on;
    state to;
};
std::span<const transition> transitions();
std::optional<state> next_state(state from, event on);
// Not assigning and not asking.
bool is_final(state s);
// As docs/provisioning-transitions.md has it.
std::string transitions_as_markdown();

}  // namespace berth::provisioning

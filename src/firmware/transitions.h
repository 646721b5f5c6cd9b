// The life of one installation, as a table: (state, event) -> state. What is not in it does not happen.
// docs/firmware-transitions.md is printed from it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace berth::firmware {

enum class state : uint8_t {
    idle,         // nothing is under way
    downloading,  // a verified manifest, and octets that are still to come
    verified,     // all images are here, and are what the manifest says
    written,      // they are in the other slot, and were read back
    switched,     // the boot loader tries the other slot once
    confirmed,    // it holds
    returned,     // it did not: the old slot is back
};
inline constexpr size_t states = 7;

enum class event : uint8_t {
    chosen,
    fetched,
    damaged,
    wrote,
    activate,
    confirm,
    came_back,
    reverted,
    dropped,
};
inline constexpr size_t events = 9;

std::string_view to_string(state s);
std::string_view to_string(event e);
std::optional<state> state_from(std::string_view name);

struct transition {
    state from;
    event on;
    state to;
};
std::span<const transition> transitions();
std::optional<state> next_state(state from, event on);
// idle, confirmed, returned: the next installation may begin.
bool at_rest(state s);
// As docs/firmware-transitions.md has it.
std::string transitions_as_markdown();

}  // namespace berth::firmware

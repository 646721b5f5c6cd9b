// Transition tables of the three machines: (state, event) -> next state. The tables drive the machines and are printed
// into docs/onboarding-transitions.md by a test; what is not in a table is `unexpected_message`.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace berth::onboarding {

template <class State, class Event>
struct transition {
    State from;
    Event on;
    State to;
};

template <class State, class Event, size_t N>
constexpr std::optional<State> next_state(const std::array<transition<State, Event>, N>& table, State from, Event on) {
    for (const auto& row : table) {
        if (row.from == from && row.on == on) {
            return row.to;
        }
    }
    return std::nullopt;
}

}  // namespace berth::onboarding

#include "provisioning/transitions.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace berth::provisioning {

namespace {

constexpr std::array<std::string_view, states> state_names{"unassigned", "assigning", "asking", "assigned", "failed", "disabled"};
constexpr std::array<std::string_view, events> event_names{"registered", "ask", "chosen", "refused", "shut", "late"};

constexpr std::array table{
    transition{state::unassigned, event::registered, state::assigning},
    transition{state::assigning, event::ask, state::asking},
    transition{state::assigning, event::chosen, state::assigned},
    transition{state::assigning, event::refused, state::failed},
    transition{state::assigning, event::shut, state::disabled},
    transition{state::asking, event::chosen, state::assigned},
    transition{state::asking, event::refused, state::failed},
    transition{state::asking, event::shut, state::disabled},
    transition{state::asking, event::late, state::failed},
};

constexpr std::array<std::string_view, events> meanings{
    "the device asks, and an enrolment takes it in",
    "the enrolment has a webhook: its operator's program is asked",
    "a hub was chosen, and its identity is there",
    "none can be chosen, or the identity or the certificate cannot be made",
    "the enrolment was disabled meanwhile, or the identity at the hub is",
    "nobody has answered in time",
};

}  // namespace

std::string_view to_string(state s) {
    return state_names[static_cast<size_t>(s)];
}

std::string_view to_string(event e) {
    return event_names[static_cast<size_t>(e)];
}

std::span<const transition> transitions() {
    return table;
}

std::optional<state> next_state(state from, event on) {
    const auto* const row = std::ranges::find_if(table, [&](const transition& t) { return t.from == from && t.on == on; });
    return row != table.end() ? std::optional(row->to) : std::nullopt;
}

bool is_final(state s) {
    return s == state::assigned || s == state::failed || s == state::disabled;
}

std::string transitions_as_markdown() {
    std::string out = "| state | event | what happened | next state |\n|---|---|---|---|\n";
    for (const auto& row : table) {
        out += fmt::format("| {} | {} | {} | {} |\n", to_string(row.from), to_string(row.on),
                           meanings[static_cast<size_t>(row.on)], to_string(row.to));
    }
    return out;
}

}  // namespace berth::provisioning

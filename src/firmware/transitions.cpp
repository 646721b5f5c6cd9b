#include "firmware/transitions.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace berth::firmware {

namespace {

constexpr std::array<std::string_view, states> state_names{"idle",     "downloading", "verified", "written",
                                                           "switched", "confirmed",   "returned"};
constexpr std::array<std::string_view, events> event_names{"chosen",  "fetched",   "damaged",  "wrote",  "activate",
                                                           "confirm", "came_back", "reverted", "dropped"};

constexpr std::array table{
    transition{state::idle, event::chosen, state::downloading},
    transition{state::confirmed, event::chosen, state::downloading},
    transition{state::returned, event::chosen, state::downloading},
    transition{state::downloading, event::fetched, state::verified},
    transition{state::downloading, event::dropped, state::idle},
    transition{state::verified, event::wrote, state::written},
    transition{state::verified, event::damaged, state::downloading},
    transition{state::verified, event::dropped, state::idle},
    transition{state::written, event::activate, state::switched},
    transition{state::written, event::damaged, state::downloading},
    transition{state::written, event::dropped, state::idle},
    transition{state::switched, event::confirm, state::confirmed},
    transition{state::switched, event::came_back, state::returned},
    transition{state::switched, event::reverted, state::returned},
};

constexpr std::array<std::string_view, events> meanings{
    "a verified manifest that this device may have",
    "each image has the size and the digest that the manifest says",
    "an image is not what it was when it was verified: it is fetched again",
    "all components are in the other slot and were read back",
    "kept first; then the boot loader is told to try the other slot once",
    "the firmware that was tried says that it works",
    "the device has started anew, and in the old slot",
    "somebody has taken the trial back",
    "given up, refused, or replaced by a newer one before it was switched to",
};

}  // namespace

std::string_view to_string(state s) {
    return state_names[static_cast<size_t>(s)];
}

std::string_view to_string(event e) {
    return event_names[static_cast<size_t>(e)];
}

std::optional<state> state_from(std::string_view name) {
    const auto* const found = std::ranges::find(state_names, name);
    return found != state_names.end() ? std::optional(static_cast<state>(found - state_names.begin())) : std::nullopt;
}

std::span<const transition> transitions() {
    return table;
}

std::optional<state> next_state(state from, event on) {
    const auto* const row = std::ranges::find_if(table, [&](const transition& t) { return t.from == from && t.on == on; });
    return row != table.end() ? std::optional(row->to) : std::nullopt;
}

bool at_rest(state s) {
    return s == state::idle || s == state::confirmed || s == state::returned;
}

std::string transitions_as_markdown() {
    std::string out = "| state | event | what happened | next state |\n|---|---|---|---|\n";
    for (const auto& row : table) {
        out += fmt::format("| {} | {} | {} | {} |\n", to_string(row.from), to_string(row.on),
                           meanings[static_cast<size_t>(row.on)], to_string(row.to));
    }
    return out;
}

}  // namespace berth::firmware

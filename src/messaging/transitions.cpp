#include "messaging/transitions.h"

#include <array>

#include <fmt/format.h>

namespace berth::messaging {

namespace {

constexpr std::array<std::string_view, 7> stage_names{"logged_in",  "keyed",      "named", "located",
                                                      "confirming", "registered", "ended"};
constexpr std::array<std::string_view, 8> event_names{"exchange",  "identity",   "repository", "confirm",
                                                      "confirmed", "deregister", "late",       "refused"};

using enum stage;
using enum event;

constexpr std::array gateway_table{
    transition{logged_in, exchange, keyed}, transition{logged_in, deregister, ended}, transition{logged_in, late, ended},
    transition{logged_in, refused, ended},  transition{keyed, identity, named},       transition{keyed, late, ended},
    transition{keyed, refused, ended},      transition{named, repository, located},   transition{named, confirm, registered},
    transition{named, late, ended},         transition{named, refused, ended},        transition{located, confirm, registered},
    transition{located, late, ended},       transition{located, refused, ended},
};

constexpr std::array manager_table{
    transition{logged_in, exchange, keyed}, transition{logged_in, refused, ended},
    transition{keyed, identity, named},     transition{keyed, refused, ended},
    transition{named, repository, located}, transition{named, confirm, confirming},
    transition{named, refused, ended},      transition{located, confirm, confirming},
    transition{located, refused, ended},    transition{confirming, confirmed, registered},
    transition{confirming, refused, ended},
};

std::string_view meaning(role of, event e) {
    const bool gateway = of == role::gateway;
    switch (e) {
    case exchange: return gateway ? "both have sent public keys" : "the gateway has answered with its keys";
    case identity: return gateway ? "the manager has assigned the gateway's name" : "the gateway has taken its name";
    case repository: return gateway ? "the manager has said where firmware is" : "the gateway has noted where firmware is";
    case confirm:
        return gateway ? "a sealed message over all of the above was opened: the record is kept, the token is void, TLS is closed"
                       : "a sealed message over all of the above was sent";
    case confirmed: return "the gateway's sealed answer was opened: the record is kept";
    case deregister: return "the account's registration ends by login";
    case late: return "the token's time is over";
    case refused:
        return gateway ? "anything was not as it must be: the login has to be done again"
                       : "the gateway refused, or its answer is not as it must be";
    }
    return "";
}

}  // namespace

std::string_view to_string(stage s) {
    return stage_names[static_cast<size_t>(s)];
}

std::string_view to_string(event e) {
    return event_names[static_cast<size_t>(e)];
}

std::span<const transition> transitions(role of) {
    return of == role::gateway ? std::span<const transition>(gateway_table) : std::span<const transition>(manager_table);
}

std::optional<stage> next_stage(role of, stage from, event on) {
    const auto table = transitions(of);
    const auto row = std::ranges::find_if(table, [&](const transition& t) { return t.from == from && t.on == on; });
    return row != table.end() ? std::optional(row->to) : std::nullopt;
}

std::string transition_table(role of) {
    std::string out = "| from | event | to | |\n|---|---|---|---|\n";
    for (const auto& row : transitions(of)) {
        out += fmt::format("| {} | {} | {} | {} |\n", to_string(row.from), to_string(row.on), to_string(row.to),
                           meaning(of, row.on));
    }
    return out;
}

}  // namespace berth::messaging

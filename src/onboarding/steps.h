// The steps S1..S14 of the claims as events: each machine reports those that happen in its own hands, so that logs,
// metrics and the demonstration show the protocol as it runs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace berth::onboarding {

enum class party : uint8_t { device, registrar, masa };

enum class step : uint8_t { s1 = 1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, s12, s13, s14 };

struct step_event {
    step which = step::s1;
    size_t octets = 0;  // that the step sent or received, 0 where it has none
};

constexpr std::string_view to_string(party p) {
    return p == party::device ? "device" : p == party::registrar ? "registrar" : "masa";
}

// What happens in a step, in one clause.
std::string_view describe(step s);
inline std::string name_of(step s) {
    return "S" + std::to_string(static_cast<int>(s));
}

}  // namespace berth::onboarding

// The life of a device, as its parties tell it: phases, the steps that lead from one to the next, and a history that shows
// when somebody has changed it (docs/lifecycle.md).
//
// Each entry holds hash(n) = SHA-256( "berth life 1" || hash(n-1) || canonical(n) ), hash(0) = 32 zero octets; canonical() is
// the TLS presentation of the entry's fields. Whoever can write all of a history can write another one: what it proves, it
// proves to him who has noted one of its hashes elsewhere.
#pragma once

#include "base/bytes.h"
#include "base/clock.h"

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace berth::registry {

enum class life_phase : uint8_t {
    supply_chain,    // a chip, with its maker's identity (EK) alone
    manufacturing,   // the device has its birth certificates
    enrolment,       // a customer is about to certify it, or has certified it as its own (LDevID)
    provisioning,    // onboarded; what it is to work with is not complete yet
    operational,     // it has all of it
    reassignment,    // given away, or taken back: nobody's certificates are on it, and the next owner's may come
    decommissioned,  // its life with this owner has ended
};

enum class life_step : uint8_t {
    made,            // its birth certificates are there
    certified,       // its LDevID
    asked,           // keys were made and shown to a registrar
    onboarded,       // a customer's certificates were installed
    operational,     // the registrar knows, and the credentials that are to be kept are there
    reset,           // a customer's certificates and keys were forgotten
    ending,          // a decommission was begun
    decommissioned,  // and is complete
    recommissioned,  // and was taken back
};

std::string_view to_string(life_phase p) noexcept;
std::string_view to_string(life_step s) noexcept;
std::optional<life_step> life_step_from(std::string_view text) noexcept;

struct life_transition {
    life_phase from;
    life_step step;
    life_phase to;
};
// All that may happen. No entry: it may not.
std::span<const life_transition> life_transitions() noexcept;
// As docs/lifecycle.md has it.
std::string life_transitions_as_markdown();

// Where the step leads. Error `wrong_phase` (usage), whose sentence says what may be done instead.
result<life_phase> phase_after(life_phase from, life_step step);

using life_hash = std::array<uint8_t, 32>;
struct life_entry {
    uint64_t number = 0;  // from 1, without gaps
    unix_seconds at = 0;
    life_step step = life_step::made;
    std::string about;  // whose, or why
    std::string id;     // of the onboarding or certificate, hexadecimal
    life_hash hash{};
};
life_hash hash_of(const life_entry& e, const life_hash& previous);

// Walks entries in order. Error `history_altered` (environment), with param "number".
result<void> check_history(std::span<const life_entry> entries);
// Where the device is after all of them: supply_chain, if there are none. Steps that the table does not know from where it was
// lead nowhere.
life_phase phase_of(std::span<const life_entry> entries);

}  // namespace berth::registry

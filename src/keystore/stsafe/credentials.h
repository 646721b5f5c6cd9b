// Credentials in the chip's zones: a secret under a name, and who may read and replace it. One to a zone.
//
// The chip itself enforces the conditions: a zone for the host alone is read and written in a session under the host key (C-MAC),
// and one for nobody is never written again. What crosses the bus is encrypted only if the chip's table of command
// authorisations encrypts Read and Update.
#pragma once

#include "keystore/stsafe/zone_io.h"

namespace berth::keystore::stsafe {

// Who may read, or write. entity: the host, and an entity that has proved itself (entity.h). What else a chip has is `other`, and
// never chosen here.
enum class zone_condition : uint8_t { anybody, host, entity, nobody, other };
std::string_view name_of(zone_condition c) noexcept;  // "anybody"

enum class zone_content : uint8_t {
    empty,
    credential,
    damaged,  // half a credential: whoever wrote it was interrupted
    key,      // what lies beside a key of a slot
    certificate,
    counter,
    other,    // of somebody else
    closed,   // may not be read by us
    trusted,  // a key that signatures are verified with (firmware.h)
};
std::string_view name_of(zone_content c) noexcept;  // "credential"

struct zone_summary {
    uint8_t zone = 0;
    size_t size = 0;  // octets of the zone
    zone_content content = zone_content::empty;
    std::string name;        // of a credential
    size_t secret_size = 0;  // of a credential
    zone_condition reading = zone_condition::anybody;
    zone_condition writing = zone_condition::anybody;
    bool reading_may_change = true;
    bool writing_may_change = true;
};

// Of each zone of the chip.
result<std::vector<zone_summary>> list_zones(device& chip);

inline constexpr size_t most_credential_name = 64;
inline constexpr std::string_view credential_magic = "BCR1";  // what a zone with one begins with

struct credential_options {
    std::optional<uint8_t> zone = {};            // not said: the smallest empty one that it fits into, from 4 on
    std::optional<zone_condition> reading = {};  // anybody, host, entity; not said: as the zone is
    std::optional<zone_condition> writing = {};  // also nobody (then it stays for ever); not said: as the zone is
    bool final = false;                          // the conditions that are said may never change again
    bool replace = false;                        // one of that name, which is to be there
    bool entity_proved = false;                  // prove_entity() was done: who has not may not ask for what only that opens
};

// Where it is now. Errors, all before anything is written: `bad_credential_name`; `credential_exists`, `credential_not_found` (to
// be replaced), `zone_in_use`,
// `no_room`, `stsafe_session` (a condition asks for the host and there is no session), `stsafe_no_entity` (or for an
// entity, and none has proved itself), `condition_fixed` (the zone's may not
// change); those of the chip.
result<uint8_t> put_credential(device& chip, const std::string& name, const secret_bytes& secret,
                               const credential_options& options = {});
// Error `credential_not_found`.
result<secret_bytes> get_credential(device& chip, const std::string& name);
// Overwrites it; its zone keeps its conditions. Returns the zone. Errors `credential_not_found`; `condition_fixed`: nobody may.
result<uint8_t> remove_credential(device& chip, const std::string& name);

}  // namespace berth::keystore::stsafe

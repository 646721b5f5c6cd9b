// A device's life as the device itself has it: where it is follows from what is in its bundle, and stands, with the time, in
//
//   BUNDLE/lifecycle.log     one JSON object a line, only ever added to (registry/lifecycle.h)
//
// Nothing depends on an entry being written in the same moment as the files that it speaks of: what the history lacks is added
// when somebody next looks (note_life), so a kill loses none.
#pragma once

#include "device/bundle.h"
#include "registry/lifecycle.h"

namespace berth::app {

struct life_history {
    std::vector<registry::life_entry> entries;
    std::optional<error> altered;  // `history_altered`: somebody has changed it
    size_t unwritten = 0;          // of seen_life(): how many of them, at the end, are not in the file yet

    // What it says of the device. A decommission that was begun and has not ended counts, and is `unfinished`.
    [[nodiscard]] registry::life_phase phase() const { return registry::phase_of(entries); }
    [[nodiscard]] unix_seconds since() const;  // when this phase began; 0: unknown
    [[nodiscard]] bool unfinished() const;
    [[nodiscard]] registry::life_hash head() const { return entries.empty() ? registry::life_hash{} : entries.back().hash; }
};

// Changes nothing; no history is an empty one. Errors of files.
result<life_history> read_life(const std::filesystem::path& bundle);

// The same, and what the bundle shows beyond it: as note_life() would leave it.
result<life_history> seen_life(const device_bundle& bundle, const clock& time);

// Adds what the bundle shows and the history lacks. Errors of files.
result<life_history> note_life(const device_bundle& bundle, const clock& time);
// The same for who cannot do anything about an error: it is logged (`history_not_written`).
void note_life_or_log(const device_bundle& bundle, const clock& time);
// Adds this step. Errors `wrong_phase`; of files.
result<life_history> add_step(const device_bundle& bundle, registry::life_step step, const std::string& about, const clock& time);

// Error `decommissioned`: this device is not to be onboarded, nor certified. Errors of files.
result<void> require_alive(const device_bundle& bundle);

}  // namespace berth::app

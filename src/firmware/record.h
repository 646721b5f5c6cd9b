// What a device keeps, in one file that is replaced whole: what it has seen, and how far an installation has come. All that
// decides where an interrupted one goes on is here, so that a crash between any two steps is one of the cases below.
#pragma once

#include "firmware/transitions.h"
#include "firmware/verify.h"

namespace berth::firmware {

// Where the device runs: the slot, and which of its starts this is, so that "not started anew yet" is told from "came back".
struct place {
    std::string slot;
    std::string boot;
};

struct record {
    std::string vendor, device_class;
    seen list;
    uint64_t installed_seq = 0;
    std::string installed_version;
    unix_seconds told_time = 0;  // the latest time that something verified was issued at: it is not earlier now
    std::set<uint64_t> returned;

    state at = state::idle;
    // From downloading on:
    uint64_t seq = 0;
    std::string version;
    uint64_t security_counter = 0;
    std::string manifest;  // digest of its text, in manifest.json beside this
    std::string target;    // the slot that is written
    std::string boot;      // place::boot when it was switched
};

wire::json::object to_json(const record& r);
// Error `state_damaged` (environment).
result<record> read_record(std::string_view text);

// The time to judge expiry by: the clock's, unless something verified is younger. 0 when there is no clock at all.
unix_seconds judged_time(const record& r, unix_seconds now);

// Each changes the record, for it to be kept before anything else is done. Errors: `wrong_state`, naming the state.
// `m` is the proof that it may be installed; `target`: the slot that does not run.
result<void> begin(record& r, const verified_manifest& m, std::string_view manifest_digest, std::string target);
result<void> apply(record& r, event e);
result<void> switch_over(record& r, const place& now);

// After a start, and before anything else: what has become of a trial.
enum class trial : uint8_t {
    none,
    waiting,    // switched, and not started anew yet: the boot loader may be told again
    running,    // the new slot runs, and waits to be confirmed
    came_back,  // the old slot runs again
};
trial look(const record& r, const place& now);

// The record when a trial was confirmed, or has failed. Errors wrong_state; `not_running` (usage): what is to be confirmed does
// not run.
result<void> confirm(record& r, const place& now);
result<void> give_back(record& r, event why);  // came_back, reverted

}  // namespace berth::firmware

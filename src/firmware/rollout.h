// Who may have a release when: rings of devices, each after the one before it, stopped by itself where too many fail. No I/O and
// no clock of its own; what it is told and when decides everything, and to_json() is all there is to keep.
//
// A device belongs to a ring by a hash of its name and the rollout's: always the same one, also for devices that come later, and
// another in each rollout. It is asked for by the device's own request, so nobody keeps a list of who is to come.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "wire/json.h"

#include <map>
#include <optional>
#include <set>

namespace berth::firmware {

struct ring {
    std::string name;
    unsigned share = 100;              // percent of the devices; those of all rings make 100
    std::set<std::string> members;     // who belongs here whatever the hash says (a laboratory's devices)
    unsigned most_failed_percent = 5;  // of those that have ended; more pauses the rollout
    unsigned least_ended = 1;          // so many must have ended before percentages are looked at
    unsigned done_percent = 90;        // of those that were offered it; then the next ring begins
    unsigned least_done = 1;           // and so many must be done at least
    unix_seconds soak = 0;             // seconds that it has been done for before the next begins
};

struct rollout_plan {
    std::string id;
    uint64_t seq = 0;
    std::vector<ring> rings;
    unix_seconds device_deadline = 24 * 60 * 60;  // seconds from the offer: who has not ended by then has failed (`late`)
};

enum class rollout_state : uint8_t { running, paused, aborted, finished };
enum class device_outcome : uint8_t { offered, done, failed, late };
std::string_view to_string(rollout_state s);
std::string_view to_string(device_outcome o);

class rollout {
public:
    // Errors `bad_rollout` (usage): shares that do not make 100, no ring, a name twice, a deadline of 0 ...
    static result<rollout> make(rollout_plan plan);
    static result<rollout> read(const wire::json::object& from);
    [[nodiscard]] wire::json::object to_json() const;

    // Which ring a device is in.
    [[nodiscard]] size_t ring_of(std::string_view device) const;

    enum class answer : uint8_t { offer, not_yet, never };
    // A device asks: it is offered the release if its ring has begun, and that is kept. Asked again while it is under way, it is
    // offered it again (with the first deadline). `never`: it has had it, failed with it, or the rollout has ended; a device that
    // failed is offered it again by retry() alone.
    answer ask(std::string_view device, unix_seconds now);
    // A device has installed and confirmed it, or has not. False: nobody had offered it anything, or it has ended already in the
    // same way. A device that was late and has done it after all counts as done.
    bool report(std::string_view device, bool done, unix_seconds now);
    // To be called now and then, and before anything is shown: ends what is late, begins rings, pauses, finishes.
    void turn(unix_seconds now);

    // Errors `wrong_state`.
    result<void> pause(std::string why);
    result<void> resume(unix_seconds now);  // also accepts what has failed so far: thresholds count from here
    result<void> abort(std::string why);
    // Its devices that have failed may try once more.
    result<void> retry(std::string_view device);
    // No more devices are awaited in the ring that is the newest: the next begins, or the rollout ends.
    result<void> advance(unix_seconds now);

    struct count {
        size_t offered = 0, done = 0, failed = 0, late = 0;
    };
    [[nodiscard]] count counted(size_t ring) const;
    [[nodiscard]] rollout_state state() const { return state_; }
    [[nodiscard]] const std::string& why() const { return why_; }
    [[nodiscard]] size_t rings_begun() const { return begun_; }
    [[nodiscard]] const rollout_plan& plan() const { return plan_; }

private:
    struct attempt {
        size_t ring = 0;
        device_outcome outcome = device_outcome::offered;
        unix_seconds until = 0;
        bool forgiven = false;  // failed before resume(): no longer counts against the threshold
    };
    explicit rollout(rollout_plan plan) : plan_(std::move(plan)) {}
    [[nodiscard]] bool too_many_failed(size_t ring) const;
    [[nodiscard]] bool ring_done(size_t ring) const;
    void begin_next(unix_seconds now);

    rollout_plan plan_;
    rollout_state state_ = rollout_state::running;
    std::string why_;
    size_t begun_ = 1;             // rings
    unix_seconds done_since_ = 0;  // of the newest ring; 0: it is not
    std::map<std::string, attempt, std::less<>> devices_;
};

}  // namespace berth::firmware

// A lot: so many units, one after the other through each of the line's stations, every one of them accounted for in the lot's
// production log. What is done with a unit is a unit_maker's matter.
#pragma once

#include "setup/production_log.h"

#include <map>

namespace berth::app {

// Which serials the units of a lot have.
struct serial_plan {
    std::string prefix;
    uint64_t first = 1;
    size_t width = 4;               // digits; more when the last number has more
    size_t count = 0;               // of a prefix
    std::vector<std::string> list;  // in place of all that

    [[nodiscard]] size_t size() const { return list.empty() ? count : list.size(); }
    [[nodiscard]] std::string at(size_t unit) const;  // from 0
    [[nodiscard]] wire::json::object to_json() const;
    static result<serial_plan> from_json(const wire::json::object& json);
    // Errors `bad_serial`; `bad_lot`: there are none, or one stands there twice.
    [[nodiscard]] result<void> check() const;
};
// One a line; empty lines and what is behind # do not count. Errors of files, and those of check().
result<serial_plan> read_serials(const std::filesystem::path& file);

struct lot_settings {
    std::filesystem::path out;  // production.jsonl, and a bundle for each unit
    serial_plan serials;
    // What is made, for the log's first line. Another run of the same lot must say the same.
    wire::json::object terms;
    unsigned parallel = 1;  // stations
    // Commands (/bin/sh) around each unit: they return when the unit can be reached, and when it need not be any more. In their
    // environment: BERTH_SERIAL, BERTH_UNIT (from 1), BERTH_STATION (from 1), BERTH_LOT (`out`).
    std::string attach;
    std::string detach;
    size_t stop_after = 0;  // failures in this run; 0: never
    bool retry_failed = false;
    // Units that were interrupted are where they were: a run without that station is none.
    bool units_stay = false;
};

struct lot_unit {
    std::string serial;
    size_t number = 1;     // in the lot
    unsigned station = 1;  // where it is
    bool begun_before = false;
    bool interrupted = false;  // and that was the last of it: the run was killed
};

// What a unit needs done, in one station.
class unit_maker {
public:
    virtual ~unit_maker() = default;
    // What the log says of the unit when it is made. A unit that was begun before may be half made, or made.
    virtual result<wire::json::object> make(const lot_unit& unit) = 0;
};
using maker_of_station = std::function<result<std::unique_ptr<unit_maker>>(unsigned station)>;

struct lot_summary {
    size_t units = 0;
    size_t made = 0;         // now
    size_t made_before = 0;  // by earlier runs
    size_t failed = 0;       // now
    size_t failed_before = 0;
    size_t not_detached = 0;  // now: its station has the unit still
    bool stopped = false;     // by `stop_after` or its watcher
    milliseconds took = 0;

    [[nodiscard]] size_t done() const { return made + made_before + failed + failed_before; }
    [[nodiscard]] size_t left() const { return units - done(); }
    [[nodiscard]] double per_second() const;
};

// Who looks on. Never called by two threads at once.
class lot_watcher {
public:
    virtual ~lot_watcher() = default;
    virtual void progressed(const lot_summary& so_far) = 0;
    virtual void failed(const lot_unit& unit, const error& why) = 0;
    // It is made or has failed, and stays in its station.
    virtual void not_detached(const lot_unit& unit, const error& why) = 0;
    // Whether no further unit is to be begun; those that are under way come to their end.
    virtual bool stop() = 0;
};

// What a lot asks of whoever makes its units.
struct lot_work {
    std::function<result<void>()> fresh;  // whether a new lot may be begun; asked once, unless its first line was not signed
    // Whether something else than the log tells of a unit that it says was made or loaded (setup/lot_evidence.h): asked of each
    // line behind the last signature, whatever it tells of, before this run signs it.
    std::function<result<void>(const log_line&)> borne_out;
    maker_of_station stations;
};

// Begins a lot, or goes on with it: units that were made are left alone, and so are those that failed, unless `retry_failed`.
// One that was interrupted is gone on with in the station where it was begun, if this run has that. A unit that fails stops
// nobody. Errors `other_lot`: `out` is that of a lot with other terms; `bad_lot`: there are fewer stations than units stay in;
// `in_use`; those of the log and of `work`.
result<lot_summary> run_lot(const lot_settings& lot, keystore::signing_key_ptr key, const lot_work& work, const clock& time,
                            random_source& random, lot_watcher& watcher);

// The lot's commands, for one unit. Errors `attach_failed`, `detach_failed`.
result<void> attach_unit(const lot_settings& lot, const lot_unit& unit);
result<void> detach_unit(const lot_settings& lot, const lot_unit& unit);

inline constexpr size_t most_units = 100'000;
inline constexpr const char* production_log_file = "production.jsonl";

// What a log says, once it was read to its end.
enum class unit_state : uint8_t { planned, begun, made, failed };
class lot_account {
public:
    // Error `log_altered`: what cannot be, whoever signed it: a unit that is not of the lot, made twice, or made without being
    // begun.
    result<void> take(const log_line& line);

    [[nodiscard]] const std::optional<log_line>& first() const { return first_; }
    [[nodiscard]] const serial_plan& serials() const { return plan_; }
    [[nodiscard]] unit_state state_of(const std::string& serial) const;
    // What the log says last of a unit that was made or loaded, or why it failed.
    [[nodiscard]] const log_line* last_word(const std::string& serial) const;
    [[nodiscard]] size_t count(unit_state state) const;
    // Where a unit was begun last; 0: nowhere.
    [[nodiscard]] unsigned station_of(const std::string& serial) const;
    // How many times one was not taken out of its station.
    [[nodiscard]] size_t not_detached() const { return not_detached_; }
    // Units of a contract line that have their certificates; those of a factory have them as soon as they are made.
    [[nodiscard]] size_t loaded() const;
    [[nodiscard]] bool loaded(const std::string& serial) const;

private:
    struct unit {
        unit_state state = unit_state::planned;
        bool loaded = false;
        unsigned station = 0;
        log_line last;
    };
    std::optional<log_line> first_;
    serial_plan plan_;
    std::map<std::string, unit> units_;
    size_t not_detached_ = 0;
};

struct lot_report {
    lot_account account;
    uint64_t lines = 0;
    uint64_t unsigned_lines = 0;
    bool half_a_line = false;
};
// Reads a log and believes it if it is whole and signed. Errors of walk_production_log; `log_altered`.
result<lot_report> verify_lot(const std::filesystem::path& log, const crypto::verification_key& key);

}  // namespace berth::app

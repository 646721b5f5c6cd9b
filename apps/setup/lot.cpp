#include "setup/lot.h"

#include "common/files.h"
#include "common/process.h"
#include "setup/factory.h"

#include <set>
#include <thread>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

struct todo_unit {
    lot_unit unit;
    bool failed_before = false;
    unsigned only_in = 0;  // the station that it is in; 0: in none
};

result<void> run_command(const char* name, const std::string& command, const lot_settings& lot, const lot_unit& unit) {
    if (command.empty()) {
        return {};
    }
    BERTH_TRY(child, child_process::start("/bin/sh", {"-c", command},
                                          {"BERTH_SERIAL=" + unit.serial, fmt::format("BERTH_UNIT={}", unit.number),
                                           fmt::format("BERTH_STATION={}", unit.station), "BERTH_LOT=" + lot.out.string()}));
    std::string last;
    // What it has started may go on, and hold its output open.
    for (bool over = false; !over;) {
        over = child.exit_code().has_value();
        poll_children({&child}, over ? 0 : 20);
        for (auto& line : child.take_error_lines()) {
            last = std::move(line);
        }
        static_cast<void>(child.take_output_lines());
    }
    if (child.exit_code() != 0) {
        return fail(error{error_category::environment, fmt::format("{}_failed", name),
                          fmt::format("--{} for unit {} ended with exit code {}{}", name, unit.serial, *child.exit_code(),
                                      last.empty() ? "" : ": " + last)});
    }
    return {};
}

// One run of a lot: who takes which unit next, and what has become of it.
class lot_run {
public:
    lot_run(const lot_settings& lot, production_log& log, const lot_summary& before, std::vector<todo_unit> todo,
            const clock& time, lot_watcher& watcher)
        : lot_(lot), log_(log), todo_(std::move(todo)), time_(time), watcher_(watcher), summary_(before), since_(time.steady()) {
        const auto is_there = [](const todo_unit& u) { return u.only_in != 0; };
        std::ranges::copy_if(todo_, std::back_inserter(in_stations_), is_there);
        std::erase_if(todo_, is_there);
    }

    void station(unsigned number, const maker_of_station& stations) {
        auto maker = stations(number);
        if (!maker) {
            return give_up(maker.error());
        }
        for (auto next = take(number); next; next = take(number)) {
            next->unit.station = number;
            if (const auto done = one(**maker, *next); !done) {
                return give_up(done.error());
            }
        }
    }

    result<lot_summary> end() {
        summary_.took = time_.steady() - since_;
        if (!fatal_) {
            log_line about{{"made", summary_.made}, {"failed", summary_.failed}, {"left", summary_.left()}};
            if (auto told = log_.append("end", std::move(about)); !told) {
                fatal_ = std::move(told).error();
            }
        }
        const auto is_signed = log_.sign();
        if (fatal_) {
            return fail(std::move(*fatal_));
        }
        BERTH_CHECK(is_signed);
        return summary_;
    }

private:
    std::optional<todo_unit> take(unsigned station) {
        const std::lock_guard guard(mutex_);
        const auto here = std::ranges::find(in_stations_, station, &todo_unit::only_in);
        if ((here == in_stations_.end() && next_ == todo_.size()) || fatal_ || summary_.stopped) {
            return std::nullopt;
        }
        if (watcher_.stop()) {
            summary_.stopped = true;
            return std::nullopt;
        }
        if (here != in_stations_.end()) {
            todo_unit out = std::move(*here);
            in_stations_.erase(here);
            return out;
        }
        return todo_[next_++];
    }

    // An error: the log cannot be written, and nothing that cannot be accounted for may be made.
    result<void> one(unit_maker& maker, const todo_unit& what) {
        const lot_unit& unit = what.unit;
        BERTH_CHECK(log_.append("begun", {{"serial", unit.serial}, {"unit", unit.number}, {"station", unit.station}}));
        auto attached = attach_unit(lot_, unit);
        if (!attached && watcher_stops()) {
            return log_.append("put_back", {{"serial", unit.serial}});
        }
        auto made = attached ? maker.make(unit) : result<wire::json::object>(fail(std::move(attached).error()));
        const auto detached = detach_unit(lot_, unit);
        if (made) {
            log_line about{{"serial", unit.serial}};
            for (auto& [name, value] : *made) {
                about[name] = std::move(value);
            }
            BERTH_CHECK(log_.append("made", std::move(about)));
        } else {
            const error& why = made.error();
            // Keys that an interrupted unit may have left itself: it stays interrupted, for a run that may look whose they are.
            const bool stays = unit.interrupted && why.is("key_exists");
            BERTH_CHECK(log_.append(
                stays ? "left" : "failed",
                {{"serial", unit.serial},
                 {"error",
                  wire::json::object{{"name", why.name}, {"category", to_string(why.category)}, {"message", why.message}}}}));
        }
        if (!detached) {
            BERTH_CHECK(log_.append("not_detached", {{"serial", unit.serial}, {"message", detached.error().message}}));
        }
        account(what, made ? nullptr : &made.error(), detached ? nullptr : &detached.error());
        return {};
    }

    void account(const todo_unit& what, const error* why, const error* why_there) {
        const std::lock_guard guard(mutex_);
        if (why_there != nullptr) {
            ++summary_.not_detached;
            watcher_.not_detached(what.unit, *why_there);
        }
        summary_.failed_before -= what.failed_before ? 1 : 0;
        if (why) {
            ++summary_.failed;
            watcher_.failed(what.unit, *why);
            summary_.stopped = summary_.stopped || (lot_.stop_after != 0 && summary_.failed >= lot_.stop_after);
        } else {
            ++summary_.made;
        }
        summary_.took = time_.steady() - since_;
        watcher_.progressed(summary_);
    }

    bool watcher_stops() {
        const std::lock_guard guard(mutex_);
        return watcher_.stop();
    }

    void give_up(const error& why) {
        const std::lock_guard guard(mutex_);
        if (!fatal_) {
            fatal_ = why;
        }
    }

    const lot_settings& lot_;
    production_log& log_;
    std::vector<todo_unit> todo_;
    std::vector<todo_unit> in_stations_;
    const clock& time_;
    lot_watcher& watcher_;
    std::mutex mutex_;
    lot_summary summary_;
    std::optional<error> fatal_;
    size_t next_ = 0;
    milliseconds since_;
};

// The log's first line, that of the lot.
log_line lot_line(const lot_settings& lot) {
    log_line out{{"units", lot.serials.size()}, {"serials", lot.serials.to_json()}};
    for (const auto& [name, value] : lot.terms) {
        out[name] = value;
    }
    return out;
}

result<void> require_same(const log_line& first, const lot_settings& lot, const std::string& key) {
    for (const auto& [name, value] : lot_line(lot)) {
        const auto* const before = first.if_contains(name);
        if (before == nullptr || wire::to_text(*before) != wire::to_text(value)) {
            return fail(error{error_category::usage, "other_lot",
                              fmt::format("{} is that of a lot with other {}: repeat the command as it was (the first line of {} "
                                          "tells how), or choose another --out",
                                          lot.out.string(), std::string(name), production_log_file)}
                            .with("differs", std::string(name)));
        }
    }
    // Signed or not: it tells whoever verifies the log by which key.
    if (wire::text_member(first, "key").value_or("") != key) {
        return fail(error{
            error_category::environment, "log_altered",
            fmt::format("line 1 of the production log in {} names another key than the one that signs it", lot.out.string())}
                        .with("line", "1"));
    }
    return {};
}

// Whoever says that the units are in their stations still runs these.
result<void> require_stations(const lot_account& account, const lot_settings& lot) {
    for (size_t i = 0; i < lot.serials.size(); ++i) {
        const std::string serial = lot.serials.at(i);
        if (const unsigned in = account.station_of(serial); account.state_of(serial) == unit_state::begun && in > lot.parallel) {
            return fail(error{error_category::usage, "bad_lot",
                              fmt::format("unit {} was interrupted in station {}, and this run has stations 1 to {} only: say "
                                          "--parallel as before, or leave --clear-interrupted out",
                                          serial, in, lot.parallel)}
                            .with("serial", serial));
        }
    }
    return {};
}

}  // namespace

result<void> attach_unit(const lot_settings& lot, const lot_unit& unit) {
    return run_command("attach", lot.attach, lot, unit);
}

result<void> detach_unit(const lot_settings& lot, const lot_unit& unit) {
    return run_command("detach", lot.detach, lot, unit);
}

double lot_summary::per_second() const {
    return took > 0 ? 1000.0 * static_cast<double>(made + failed) / static_cast<double>(took) : 0.0;
}

std::string serial_plan::at(size_t unit) const {
    return list.empty() ? fmt::format("{}{:0{}}", prefix, first + unit, width) : list[unit];
}

wire::json::object serial_plan::to_json() const {
    if (!list.empty()) {
        return {{"list", wire::json::array(list.begin(), list.end())}};
    }
    // As they come back from a text.
    return {{"prefix", prefix},
            {"first", static_cast<int64_t>(first)},
            {"width", static_cast<int64_t>(width)},
            {"count", static_cast<int64_t>(count)}};
}

result<serial_plan> serial_plan::from_json(const wire::json::object& json) {
    serial_plan out;
    if (const auto* const list = json.if_contains("list"); list != nullptr && list->is_array()) {
        for (const auto& item : list->get_array()) {
            out.list.emplace_back(item.is_string() ? std::string(item.get_string()) : "");
        }
    } else {
        BERTH_TRY(prefix, wire::text_member(json, "prefix"));
        BERTH_TRY(first, wire::integer_member(json, "first"));
        BERTH_TRY(width, wire::integer_member(json, "width"));
        BERTH_TRY(count, wire::integer_member(json, "count"));
        if (first < 0 || width < 0 || count < 0) {
            return fail(error_category::usage, "bad_lot", "its serials are none that a lot can have");
        }
        out.prefix = std::move(prefix);
        out.first = static_cast<uint64_t>(first);
        out.width = static_cast<size_t>(width);
        out.count = static_cast<size_t>(count);
    }
    BERTH_CHECK(out.check());
    return out;
}

result<void> serial_plan::check() const {
    const auto bad = [](const std::string& why) { return fail(error_category::usage, "bad_lot", why); };
    if (size() == 0) {
        return bad("the lot has no units: say how many (--count)");
    }
    constexpr uint64_t most_first = 1'000'000'000'000'000;
    constexpr size_t most_width = 64;
    if (first > most_first || width > most_width) {
        return bad("its serials have too many digits");
    }
    if (size() > most_units) {
        return bad(fmt::format("a lot has {} units at most; make several", most_units));
    }
    // It is a directory's name as well.
    const auto usable = [&bad](const std::string& serial) -> result<void> {
        BERTH_CHECK(check_serial(serial));
        if (serial.find('/') != std::string::npos || serial.starts_with('.')) {
            return bad(
                fmt::format("serial \"{}\" cannot be a directory's name; make that device with berth factory make", serial));
        }
        return {};
    };
    std::set<std::string_view> seen;
    for (const auto& serial : list) {
        BERTH_CHECK(usable(serial));
        if (!seen.insert(serial).second) {
            return bad(fmt::format("serial \"{}\" stands there twice", serial));
        }
    }
    BERTH_CHECK(usable(at(0)));
    BERTH_CHECK(usable(at(size() - 1)));
    return {};
}

result<serial_plan> read_serials(const fs::path& file) {
    BERTH_TRY(text, read_text(file));
    serial_plan out;
    for (std::string_view rest = text; !rest.empty();) {
        std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        line = line.substr(0, line.find('#'));
        const size_t from = line.find_first_not_of(" \t\r");
        if (from != std::string_view::npos) {
            out.list.emplace_back(line.substr(from, line.find_last_not_of(" \t\r") - from + 1));
        }
    }
    if (auto good = out.check(); !good) {
        return fail(std::move(good).error().during(file.string()).with("file", file.string()));
    }
    return out;
}

result<void> lot_account::take(const log_line& line) {
    const std::string event(line.at("event").as_string());
    const auto wrong = [&line](const std::string& why) {
        return fail(
            error{error_category::environment, "log_altered",
                  fmt::format("line {} of the production log: {}", wire::integer_member(line, "number").value_or(0), why)});
    };
    if (!first_ != (event == "lot")) {
        return wrong("a log begins with its lot, and has one only");
    }
    if (event == "lot") {
        const auto* const serials = line.if_contains("serials");
        auto plan = serials != nullptr && serials->is_object() ? serial_plan::from_json(serials->get_object())
                                                               : result<serial_plan>(fail(error_category::usage, "bad_lot", ""));
        if (!plan) {
            return wrong("it does not tell the lot's serials");
        }
        plan_ = std::move(*plan);
        for (size_t i = 0; i < plan_.size(); ++i) {
            units_[plan_.at(i)];
        }
        first_ = line;
        return {};
    }
    const bool begun = event == "begun";
    const bool made = event == "made";
    const bool loaded = event == "loaded";
    not_detached_ += event == "not_detached" ? 1 : 0;
    if (!begun && !made && !loaded && event != "failed" && event != "put_back") {
        return {};
    }
    const auto serial = wire::text_member(line, "serial");
    const auto of = serial ? units_.find(*serial) : units_.end();
    if (of == units_.end()) {
        return wrong("it is about a unit that is none of the lot's");
    }
    if (loaded && of->second.state == unit_state::made && !of->second.loaded) {
        of->second.loaded = true;
        of->second.last = line;
        return {};
    }
    if (loaded || of->second.state == unit_state::made) {
        return wrong(fmt::format("unit {} was {} before", *serial, loaded ? "not made, or loaded" : "made"));
    }
    if (!begun && of->second.state != unit_state::begun) {
        return wrong(fmt::format("unit {} was not begun before", *serial));
    }
    if (begun) {
        of->second.state = unit_state::begun;
        of->second.station = static_cast<unsigned>(wire::integer_member(line, "station").value_or(0));
    } else {
        of->second.state = made ? unit_state::made : event == "failed" ? unit_state::failed : unit_state::planned;
        of->second.last = line;
    }
    return {};
}

unit_state lot_account::state_of(const std::string& serial) const {
    const auto of = units_.find(serial);
    return of == units_.end() ? unit_state::planned : of->second.state;
}

unsigned lot_account::station_of(const std::string& serial) const {
    const auto of = units_.find(serial);
    return of == units_.end() ? 0 : of->second.station;
}

bool lot_account::loaded(const std::string& serial) const {
    const auto of = units_.find(serial);
    return of != units_.end() && of->second.loaded;
}

const log_line* lot_account::last_word(const std::string& serial) const {
    const auto of = units_.find(serial);
    return of == units_.end() || of->second.last.empty() ? nullptr : &of->second.last;
}

size_t lot_account::count(unit_state state) const {
    return static_cast<size_t>(std::ranges::count_if(units_, [state](const auto& u) { return u.second.state == state; }));
}

size_t lot_account::loaded() const {
    return static_cast<size_t>(std::ranges::count_if(units_, [](const auto& u) { return u.second.loaded; }));
}

result<lot_report> verify_lot(const fs::path& log, const crypto::verification_key& key) {
    production_verifier verifier(key);
    lot_report out;
    BERTH_TRY(end, walk_production_log(log, verifier, [&out](const log_line& line) { return out.account.take(line); }));
    if (!out.account.first()) {
        return fail(error{error_category::environment, "log_altered",
                          fmt::format("{} does not begin with a lot: its first lines are missing", log.string())}
                        .with("file", log.string()));
    }
    out.lines = verifier.lines();
    out.unsigned_lines = verifier.unsigned_lines();
    out.half_a_line = end.half_a_line;
    return out;
}

result<lot_summary> run_lot(const lot_settings& lot, keystore::signing_key_ptr key, const lot_work& work, const clock& time,
                            random_source& random, lot_watcher& watcher) {
    BERTH_CHECK(lot.serials.check());
    BERTH_CHECK(make_directory(lot.out, 0700));
    lot_account account;
    const std::string named = to_hex(key->public_key().spki_sha256());
    // What this run would sign and no earlier one has signed: whoever can write the file can add lines to it.
    const auto not_signed = [&](const log_line& line) -> result<void> {
        BERTH_CHECK(require_same(*account.first(), lot, named));
        if (line.at("event").as_string() == "lot") {
            BERTH_CHECK(work.fresh());
        }
        return work.borne_out(line);
    };
    BERTH_TRY(log, production_log::open(
                       lot.out / production_log_file, key, time, [&account](const log_line& line) { return account.take(line); },
                       not_signed));
    if (account.first()) {
        BERTH_CHECK(require_same(*account.first(), lot, named));
        if (lot.units_stay) {
            BERTH_CHECK(require_stations(account, lot));
        }
        BERTH_CHECK(log->append("resumed", {}));
    } else {
        BERTH_CHECK(work.fresh());
        log_line first{{"lot", to_hex(random.octets<8>())}, {"key", named}};
        for (auto& [name, value] : lot_line(lot)) {
            first[name] = value;
        }
        BERTH_CHECK(log->append("lot", std::move(first)));
        BERTH_CHECK(log->sign());
    }
    lot_summary before;
    before.units = lot.serials.size();
    std::vector<todo_unit> todo;
    for (size_t i = 0; i < before.units; ++i) {
        todo_unit one{{lot.serials.at(i), i + 1}, false};
        const auto state = account.state_of(one.unit.serial);
        one.failed_before = state == unit_state::failed;
        one.unit.begun_before = state != unit_state::planned || account.last_word(one.unit.serial) != nullptr;
        one.unit.interrupted = state == unit_state::begun;
        if (const unsigned in = account.station_of(one.unit.serial); one.unit.interrupted && in <= lot.parallel) {
            one.only_in = in;
        }
        before.made_before += state == unit_state::made ? 1 : 0;
        before.failed_before += one.failed_before ? 1 : 0;
        if (state != unit_state::made && (!one.failed_before || lot.retry_failed)) {
            todo.push_back(std::move(one));
        }
    }
    lot_run run(lot, *log, before, std::move(todo), time, watcher);
    std::vector<std::thread> threads;
    for (unsigned station = 1; station <= lot.parallel; ++station) {
        threads.emplace_back([&run, &work, station] { run.station(station, work.stations); });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    return run.end();
}

}  // namespace berth::app

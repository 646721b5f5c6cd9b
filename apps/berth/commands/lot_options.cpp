#include "berth/commands/lot_options.h"

#include "common/words.h"

#include <csignal>

namespace berth::app {

namespace {

volatile std::sig_atomic_t stop_asked = 0;

void on_signal(int number) {
    stop_asked = 1;
    std::signal(number, SIG_DFL);
}

progress as_progress(const lot_summary& s) {
    progress out;
    out.done = s.done();
    out.total = s.units;
    out.failed = s.failed + s.failed_before;
    out.per_second = s.per_second();
    return out;
}

}  // namespace

void lot_options::add_to(CLI::App& command) {
    command
        .add_option("--out", out,
                    "the lot's directory: a bundle for each unit, and production.jsonl. The same command goes on "
                    "with a lot that was interrupted")
        ->required();
    command.add_option("--parallel", parallel, "stations that work at once (1)")->check(CLI::Range(1, 256));
    add_stations_to(command, station, attach, detach);
    command.add_option("--stop-after", stop_after, "begin no further unit after so many failures (never)");
    command.add_flag("--retry-failed", retry_failed, "try the lot's failed units again");
}

void lot_options::add_stations_to(CLI::App& command, std::string& station, std::string& attach, std::string& detach) {
    command.add_option("--station", station,
                       "of units with chips: where the chip is while in a station, as device=/dev/i2c-{station} or "
                       "tcti=device:/dev/tpmrm{station}; {unit} and {serial} are replaced as well");
    command.add_option("--attach", attach,
                       "command that returns when the next unit is in its station; it finds BERTH_SERIAL, BERTH_UNIT, "
                       "BERTH_STATION and BERTH_LOT in its environment");
    command.add_option("--detach", detach, "command that is run when the unit is made, or has failed");
}

void lot_options::add_serials_to(CLI::App& command) {
    auto* const number = command.add_option("--count", count, "units of the lot")->check(CLI::Range(size_t{1}, most_units));
    auto* const begin = command.add_option("--serials", prefix, "serials are this and a number of at least four digits (SN-)");
    auto* const from = command.add_option("--first", first, "the first number (1)");
    command.add_option("--serial-list", serial_list, "file with a serial in each line, in place of all that")
        ->excludes(number)
        ->excludes(begin)
        ->excludes(from);
}

result<serial_plan> lot_options::read_serial_plan() const {
    if (!serial_list.empty()) {
        return read_serials(serial_list);
    }
    serial_plan plan;
    plan.prefix = prefix;
    plan.first = first;
    plan.count = count;
    BERTH_CHECK(plan.check());
    return plan;
}

result<lot_settings> lot_options::read() const {
    lot_settings lot;
    if (count != 0 || !serial_list.empty()) {
        BERTH_TRY(plan, read_serial_plan());
        lot.serials = std::move(plan);
    }
    lot.out = out;
    lot.parallel = parallel;
    lot.attach = attach;
    lot.detach = detach;
    lot.stop_after = stop_after;
    lot.retry_failed = retry_failed;
    return lot;
}

lot_display::lot_display(context& c) : context_(c), display_(system_clock()) {
    stop_asked = 0;
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);
}

lot_display::~lot_display() {
    display_.clear();
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
}

void lot_display::progressed(const lot_summary& so_far) {
    if (!context_.json) {
        return display_.show(as_progress(so_far));
    }
    if (display_.due()) {
        const progress p = as_progress(so_far);
        print_json(wire::json::object{{"event", "progress"},
                                      {"units", p.total},
                                      {"done", p.done},
                                      {"failed", p.failed},
                                      {"units_per_second", p.per_second},
                                      {"seconds_left", p.left() / 1000}});
        display_.skip();
    }
}

void lot_display::failed(const lot_unit& unit, const error& why) {
    if (context_.json) {
        return print_json(
            wire::json::object{{"event", "failed"}, {"serial", unit.serial}, {"station", unit.station}, {"error", to_json(why)}});
    }
    display_.clear();
    fmt::print("unit {} in station {} failed: {} [{}]\n", one_line(unit.serial), unit.station, one_line(why.message), why.name);
    std::fflush(stdout);
}

void lot_display::not_detached(const lot_unit& unit, const error& why) {
    if (context_.json) {
        return print_json(wire::json::object{
            {"event", "not_detached"}, {"serial", unit.serial}, {"station", unit.station}, {"error", to_json(why)}});
    }
    display_.clear();
    fmt::print("unit {} stays in station {}: {} [{}]\n", one_line(unit.serial), unit.station, one_line(why.message), why.name);
    std::fflush(stdout);
}

bool lot_display::stop() {
    return stop_asked != 0;
}

void lot_display::summary(const lot_summary& done, const std::filesystem::path& out) {
    const size_t failed = done.failed + done.failed_before;
    context_.exit = failed + done.left() == 0 ? 0 : exit_code(error_category::environment);
    if (context_.json) {
        return print_json(wire::json::object{{"event", "summary"},
                                             {"units", done.units},
                                             {"made", done.made + done.made_before},
                                             {"made_now", done.made},
                                             {"failed", failed},
                                             {"left", done.left()},
                                             {"not_detached", done.not_detached},
                                             {"stopped", done.stopped},
                                             {"seconds", static_cast<double>(done.took) / 1000.0},
                                             {"units_per_second", done.per_second()},
                                             {"log", (out / production_log_file).string()}});
    }
    if (done.units > 1 && on_terminal()) {
        display_.show(as_progress(done), true);
        fmt::print("\n");
    }
    const std::string now = done.made + done.failed == 0 ? "none now"
                                                         : fmt::format("{} now, in {}, {:.1f} units/s", done.made,
                                                                       duration_text(done.took), done.per_second());
    fmt::print("Of {} units {} are made ({}), {} failed, {} are left. {} accounts for each of them.\n", done.units,
               done.made + done.made_before, now, failed, done.left(), (out / production_log_file).string());
    if (done.not_detached != 0) {
        fmt::print("{} of them are in their stations still: --detach failed.\n", done.not_detached);
    }
    if (done.stopped) {
        fmt::print("The line was stopped; the same command goes on.\n");
    }
    if (failed != 0) {
        fmt::print("The same command with --retry-failed tries the failed ones again.\n");
    }
}

}  // namespace berth::app

// What one says of a lot, and what is shown of it while it is made.
#pragma once

#include "berth/commands/commands.h"
#include "common/progress.h"
#include "setup/lot.h"

namespace berth::app {

struct lot_options {
    std::string out, attach, detach, station, prefix = "SN-", serial_list;
    size_t count = 0, first = 1, stop_after = 0;
    unsigned parallel = 1;
    bool retry_failed = false;

    void add_to(CLI::App& command);
    void add_serials_to(CLI::App& command);
    static void add_stations_to(CLI::App& command, std::string& station, std::string& attach, std::string& detach);
    // Errors of read_serials(), of serial_plan::check().
    [[nodiscard]] result<serial_plan> read_serial_plan() const;
    // Serials are left out if they were not asked for.
    [[nodiscard]] result<lot_settings> read() const;
};

// Progress, failures as they come, the summary. Ctrl-C and SIGTERM let the units under way come to their end; a second one ends
// the process.
class lot_display final : public lot_watcher {
public:
    explicit lot_display(context& c);
    ~lot_display() override;
    lot_display(const lot_display&) = delete;
    lot_display& operator=(const lot_display&) = delete;

    void progressed(const lot_summary& so_far) override;
    void failed(const lot_unit& unit, const error& why) override;
    void not_detached(const lot_unit& unit, const error& why) override;
    bool stop() override;
    // And the exit code: 3 when units failed or are left.
    void summary(const lot_summary& done, const std::filesystem::path& out);

private:
    context& context_;
    progress_display display_;
};

}  // namespace berth::app

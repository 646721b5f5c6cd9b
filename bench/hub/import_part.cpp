// Many devices at once: `berth hub device import`.
#include "common/process.h"
#include "hub/rounds.h"
#include "hub/world.h"

#include <fstream>

namespace berth::hub::bench {

namespace fs = std::filesystem;

void import_part(const world& in) {
    constexpr size_t rows = 1'000'000;
    const fs::path berth = got(app::sibling_program("berth"));
    fmt::print("| import of {} devices | s | per second | octets a device | peak of memory, MB |\n|---|---|---|---|---|\n", rows);
    for (const bool json : {true, false}) {
        const fs::path file = in.file(json ? "devices.json" : "devices.csv"), hub = in.file(json ? "from-json" : "from-csv");
        {
            std::ofstream out(file);
            out << (json ? "" : "deviceId,status\n");
            for (size_t i = 0; i < rows; ++i) {
                out << fmt::format(fmt::runtime(json ? "{{\"deviceId\":\"{}\",\"status\":\"enabled\"}}\n" : "{},enabled\n"),
                                   device_name(i));
            }
        }
        (void)run(berth, {"hub", "init", "--dir", hub.string()});
        const auto r = run(berth, {"hub", "device", "import", file.string(), "--hub", hub.string()});
        fmt::print("| {} | {:.1f} | {:.0f} | {:.1f} | {:.1f} |\n", json ? "JSON lines" : "CSV", r.seconds, rows / r.seconds,
                   static_cast<double>(octets_of(hub / "hub.db")) / rows, static_cast<double>(r.peak_kilobytes) / 1e3);
        fs::remove_all(hub);
        fs::remove(file);
    }
    fmt::print("\nOctets: with the event that tells of each device.\n\n");
}

}  // namespace berth::hub::bench

// What idle connections take of the broker's memory, with the plugin and without.
#include "hub/brokers.h"
#include "hub/rounds.h"

#include <thread>

namespace berth::hub::bench {

void memory_part(const world& in) {
    constexpr size_t connected = 10'000;
    const auto hub = in.make_hub("remembering", 100'000);
    const auto names = in.names_in(100'000, connected);
    const auto leaves = in.certify(names);
    fmt::print("| {} idle connections | before, MB | with them, MB | each, kB |\n|---|---|---|---|\n", connected);
    std::vector<double> each;
    for (const bool plugin : {true, false}) {
        const broker to = plugin ? broker::with_plugin(in, hub) : broker::alone(in);
        const auto before = static_cast<double>(resident_kilobytes(to.pid()));
        std::vector<std::optional<mqtt_session>> all(connected);
        (void)in_parallel(4, connected, [&](size_t i) -> result<void> {
            BERTH_TRY(session, mqtt_session::open(in.client, leaves[i], to.port(), names[i]));
            all[i].emplace(std::move(session));
            return {};
        });
        std::this_thread::sleep_for(std::chrono::seconds(1));
        const auto after = static_cast<double>(resident_kilobytes(to.pid()));
        each.push_back((after - before) / connected);
        fmt::print("| {} | {:.1f} | {:.1f} | {:.2f} |\n", plugin ? "with the plugin" : "Mosquitto alone", before / 1e3,
                   after / 1e3, each.back());
    }
    fmt::print("\nratio: {:.3f}\n\n", each[0] / each[1]);
}

}  // namespace berth::hub::bench

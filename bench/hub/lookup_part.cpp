// Whether the registry's size is felt: what a login asks of it, by itself and in a broker.
#include "hub/brokers.h"
#include "hub/login/login.h"
#include "hub/rounds.h"
#include "setup/hub.h"

#include <ctime>
#include <random>

namespace berth::hub::bench {

namespace {

constexpr std::array<size_t, 3> sizes{1'000, 100'000, 10'000'000};
constexpr size_t logins = 20'000;
constexpr double octets_in_mb = 1e6;

double own_seconds() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

turn look_up(store::sqlite_hub_store& store, size_t rows, std::minstd_rand& random) {
    judged_chain chain;
    chain.ca.emplace();
    chain.not_after = pki::no_expiry;
    const unix_seconds now = system_clock().now();
    std::vector<std::string> names(logins);
    for (auto& one : names) {
        one = device_name(random() % rows * (most_rows / rows));
    }
    const double before = own_seconds();
    for (const auto& one : names) {
        chain.name = registry::identity_name{one, ""};
        if (!judge_login(store, chain, one, now).in) {
            must(fail(error_category::environment, "bench_failed", one + " was not found"));
        }
    }
    const double took = own_seconds() - before;
    return {logins / took, took * 1e3 / logins};
}

std::string shown(size_t rows) {
    return fmt::format("{} devices", rows);
}

}  // namespace

void lookup_part(const world& in, int rounds) {
    std::vector<std::filesystem::path> hubs;
    std::vector<std::unique_ptr<store::sqlite_hub_store>> stores;
    std::vector<arm> arms;
    std::minstd_rand random(1);
    for (const size_t rows : sizes) {
        hubs.push_back(in.make_hub(fmt::format("rows-{}", rows), rows));
        stores.push_back(got(app::open_hub_store(hubs.back())));
        arms.push_back({shown(rows), [&random, rows, store = stores.back().get()] { return look_up(*store, rows, random); }});
    }
    play_rounds(arms, rounds);
    fmt::print("| registry | octets a device | a login's question, us | of that at 100 000 |\n|---|---|---|---|\n");
    for (size_t i = 0; i < sizes.size(); ++i) {
        fmt::print("| {} | {:.1f} | {:.2f} | {} |\n", arms[i].name,
                   static_cast<double>(octets_of(hubs[i] / "hub.db")) / static_cast<double>(sizes[i]),
                   arms[i].middle(&turn::cpu_ms) * 1e3, to_text(ratio_of(arms[i], arms[1], &turn::cpu_ms)));
    }
    stores.clear();
    const auto names = in.names_in(sizes[0], 1'000);
    const auto leaves = in.certify(names);
    const broker small = broker::with_plugin(in, hubs[0]), large = broker::with_plugin(in, hubs[2]);
    std::vector<arm> brokers{{shown(sizes[2]), [&] { return connect_turn(in, large, names, leaves); }},
                             {shown(sizes[0]), [&] { return connect_turn(in, small, names, leaves); }}};
    play_rounds(brokers, rounds);
    fmt::print("\n| broker | connects per second | broker's CPU, us | began after, s |\n|---|---|---|---|\n");
    for (const auto* one : {&brokers[0], &brokers[1]}) {
        fmt::print("| {} | {:.0f} | {:.1f} | {:.2f} |\n", one->name, one->middle(&turn::per_second),
                   one->middle(&turn::cpu_ms) * 1e3, one == &brokers[0] ? large.start_took() : small.start_took());
    }
    fmt::print("| ratio, median [least to most] of {} rounds | {} | {} | |\n", rounds,
               to_text(ratio_of(brokers[0], brokers[1], &turn::per_second)),
               to_text(ratio_of(brokers[0], brokers[1], &turn::cpu_ms)));
    fmt::print("\ngoals: at most 3 times the time at 100 000; at least 0.9 of the connects at 1 000. hub.db of {}: {:.0f} MB\n\n",
               shown(sizes[2]), static_cast<double>(octets_of(hubs[2] / "hub.db")) / octets_in_mb);
    std::filesystem::remove_all(hubs[2]);
}

}  // namespace berth::hub::bench

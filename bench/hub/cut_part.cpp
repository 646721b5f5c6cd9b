// From the word that a device may no longer stand to the end of its connection.
#include "hub/brokers.h"
#include "hub/rounds.h"
#include "setup/hub.h"

#include <poll.h>
#include <sys/socket.h>

namespace berth::hub::bench {

namespace {

using steady = std::chrono::steady_clock;

constexpr size_t connected = 1'000, one_by_one = 200;

double milliseconds_since(steady::time_point began) {
    return std::chrono::duration<double, std::milli>(steady::now() - began).count();
}

// Waits until `wanted` of them have ended; ms since `began` of each.
std::vector<double> ends_of(std::vector<mqtt_session>& all, const std::vector<size_t>& of, steady::time_point began) {
    std::vector<pollfd> watched;
    for (const size_t i : of) {
        watched.push_back({all[i].socket(), POLLIN, 0});
    }
    std::vector<double> out;
    while (out.size() < of.size()) {
        if (::poll(watched.data(), watched.size(), 30'000) <= 0) {
            must(fail(error_category::environment, "bench_failed", "somebody was not cut off in half a minute"));
        }
        for (auto& one : watched) {
            if (one.fd >= 0 && one.revents != 0) {
                // What is said before the end is of TLS.
                std::array<uint8_t, 4096> some{};
                if (::recv(one.fd, some.data(), some.size(), 0) <= 0) {
                    out.push_back(milliseconds_since(began));
                    one.fd = -1;
                }
            }
        }
    }
    return out;
}

void print(const char* what, std::vector<double> all) {
    std::ranges::sort(all);
    fmt::print("| {} | {:.1f} | {:.1f} | {:.1f} |\n", what, at_share(all, 0.5), at_share(all, 0.99), all.back());
}

void set_enabled(store::sqlite_hub_store& store, const std::string& name, bool on) {
    const auto before = got(store.find({name, ""}));
    auto settings = before->settings;
    settings.enabled = on;
    (void)got(store.change(*before, settings, system_clock().now()));
}

}  // namespace

void cut_part(const world& in) {
    const auto hub = in.make_hub("cutting", 100'000);
    const auto names = in.names_in(100'000, connected);
    const auto leaves = in.certify(names);
    const broker to = broker::with_plugin(in, hub);
    const auto store = got(app::open_hub_store(hub));
    const auto log_in = [&](size_t i) { return got(mqtt_session::open(in.client, leaves[i], to.port(), names[i])); };
    std::vector<mqtt_session> all;
    std::vector<size_t> everybody;
    for (size_t i = 0; i < connected; ++i) {
        all.push_back(log_in(i));
        everybody.push_back(i);
    }
    fmt::print("| {} devices are connected: until EOF, ms | p50 | p99 | most |\n|---|---|---|---|\n", connected);
    std::vector<double> disabled, revoked;
    for (size_t k = 0; k < one_by_one; ++k) {
        const size_t i = k * 5;
        const auto began = steady::now();
        if (k % 2 == 0) {
            set_enabled(*store, names[i], false);
            disabled.push_back(ends_of(all, {i}, began).front());
        } else {
            (void)got(store->raise_epoch({names[i], ""}, system_clock().now()));
            revoked.push_back(ends_of(all, {i}, began).front());
        }
    }
    print("one is disabled", disabled);
    print("one's certificates are revoked", revoked);
    // Who was not touched stands, and all of them go at once.
    std::vector<size_t> standing;
    std::ranges::copy_if(everybody, std::back_inserter(standing), [](size_t i) { return i % 5 != 0 || i / 5 >= one_by_one; });
    const auto began = steady::now();
    must(store->all_or_nothing([&]() -> result<void> {
        for (const size_t i : standing) {
            set_enabled(*store, names[i], false);
        }
        return {};
    }));
    print(fmt::format("{} are disabled in one commit", standing.size()).c_str(), ends_of(all, standing, began));
    fmt::print("\ngoal: 1 s. From the beginning of the write.\n\n");
}

}  // namespace berth::hub::bench

// Tells what became of devices and modules to the sinks of [[hub.events]]: in order, at least once, over restarts. How far each
// has come is kept in hub.db once it has said that it has what it was told; a sink that does not take it is tried again and
// again, and holds nobody else up.
#pragma once

#include "hub_server/event_sink.h"
#include "hub_server/hub_desk.h"
#include "ops/metrics.h"
#include "store/sqlite/event_positions.h"

namespace berth::app {

struct event_world {
    std::string host;                     // of the hub
    std::filesystem::path broker_socket;  // of [hub.mqtt]; empty: there is none
};

class event_streams {
public:
    // One of `files` for each of `sinks`. `desk` outlives it. Errors of the store.
    static result<std::unique_ptr<event_streams>> start(hub_desk& desk, const std::vector<event_sink_config>& sinks,
                                                        std::vector<event_sink_files> files, const event_world& world,
                                                        ops::metric_registry& metrics);
    // As many, of the same sinks.
    void renew(std::vector<event_sink_files> files);

    static constexpr milliseconds pace = 100;
    static constexpr milliseconds first_pause = 500, most_pause = 60'000;  // before another try

private:
    struct stream {
        std::string name;
        size_t batch = 0;
        std::unique_ptr<event_sink> sink;
        uint64_t position = 0;
        bool under_way = false;
        milliseconds pause = 0, not_before = 0;
    };
    event_streams(hub_desk& desk, ops::metric_registry& metrics);
    result<void> add(const event_sink_config& config, event_sink_files files, const event_world& world);
    void look();
    void tell(stream& s, uint64_t newest);
    void told(stream& s, size_t count, uint64_t last, const result<void>& how);
    // Nothing lies between it and `last` any more.
    void keep(stream& s, uint64_t last);
    void put_off(stream& s, const error& why);

    hub_desk& desk_;
    store::event_positions positions_;
    ops::counter_family delivered_, failures_;
    ops::gauge_family behind_;
    std::vector<std::unique_ptr<stream>> streams_;
    net::timer timer_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace berth::app

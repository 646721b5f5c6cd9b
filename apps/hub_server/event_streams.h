// Tells what a source has to the sinks of a table ([[hub.events]], [[hub.telemetry]]): in order, at least once, over restarts.
// How far each has come is kept in hub.db once it has said that it has what it was told; a sink that does not take it is tried
// again and again, and holds nobody else up. What a webhook will never take is set aside in its file of dead letters, if it has
// one.
#pragma once

#include "hub_server/event_file.h"
#include "hub_server/event_sink.h"
#include "hub_server/event_source.h"
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
    static result<std::unique_ptr<event_streams>> start(hub_desk& desk, std::unique_ptr<event_source> source,
                                                        const std::vector<event_sink_config>& sinks,
                                                        std::vector<event_sink_files> files, const event_world& world,
                                                        ops::metric_registry& metrics);
    // As many, of the same sinks.
    void renew(std::vector<event_sink_files> files);

    static constexpr milliseconds pace = 100;
    // So often one item is rejected before it is set aside.
    static constexpr size_t most_rejections = 3;
    static constexpr milliseconds first_pause = 500, most_pause = 60'000;  // before another try

private:
    struct stream {
        std::string name;
        size_t index = 0;
        size_t batch = 0;
        std::unique_ptr<event_sink> sink;
        std::unique_ptr<event_file> dead_letters;  // null: nothing is ever set aside
        size_t at_once = 0;                        // while the one that is rejected is looked for
        size_t rejections = 0;
        uint64_t position = 0;
        bool under_way = false;
        milliseconds pause = 0, not_before = 0;
    };
    event_streams(hub_desk& desk, std::unique_ptr<event_source> source, ops::metric_registry& metrics);
    result<void> add(const event_sink_config& config, event_sink_files files, const event_world& world);
    void look();
    void tell(stream& s, uint64_t newest);
    void told(stream& s, std::vector<std::string> items, uint64_t last, const result<void>& how);
    // True: that was dealt with.
    bool rejected(stream& s, std::vector<std::string> items, uint64_t last);
    // Somebody has set it back, or forth (berth hub sink replay).
    void follow_position(stream& s);
    // Nothing lies between it and `last` any more.
    void keep(stream& s, uint64_t last);
    void put_off(stream& s, const error& why);

    hub_desk& desk_;
    std::unique_ptr<event_source> source_;
    event_source::names called_;
    store::event_positions positions_;
    ops::counter_family delivered_, failures_, dead_;
    ops::gauge_family behind_;
    std::vector<std::unique_ptr<stream>> streams_;
    net::timer timer_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace berth::app

// [[hub.events]] and [[hub.telemetry]] of berthd.toml: whom berthd tells what became of devices and modules, and what they send.
#pragma once

#include "base/result.h"
#include "roles/key_and_chain.h"

#include <optional>
#include <vector>

namespace berth::app {

struct event_sink_config {
    enum class kind : uint8_t { webhook, file, topic };
    std::string name;  // that its position is kept under
    kind to = kind::file;

    std::string webhook;                         // its URL: HTTPS, or HTTP on this machine
    std::vector<std::filesystem::path> anchors;  // CAs that vouch for it
    std::optional<key_and_chain> identity;       // what berthd shows it
    std::filesystem::path secret_file;           // requests are signed with what is in it; empty: they are not

    std::filesystem::path file;
    std::filesystem::path dead_letters;  // what a webhook will never take goes there; empty: it is tried for ever

    std::string topic;
    std::filesystem::path socket;  // of the broker, for programs of the machine; empty: that of [hub.mqtt]

    size_t batch = 100;       // events at once
    bool from_start = false;  // a new sink is told of what was before it, too
};

// The same sink, told in the same way: only what is in the files that it names may differ.
bool same_sink(const event_sink_config& a, const event_sink_config& b);

// `has_broker`: [hub.mqtt] is there.
result<std::vector<event_sink_config>> read_event_sinks(table_reader& hub, bool has_broker);
// Those of [[hub.telemetry]], of which none is a topic.
result<std::vector<event_sink_config>> read_telemetry_sinks(table_reader& hub);

}  // namespace berth::app

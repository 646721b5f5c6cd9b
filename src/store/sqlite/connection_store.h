// Who is connected to a hub: what its brokers have noted, in the file of its registry. What is noted of a broker counts while
// that broker runs (broker_marks.h), and is thrown away when the next one begins.
//
// Only whether somebody is there is noted, not each of his connections: a second one takes over from the first, and whoever
// writes may leave out what has ended again by then.
#pragma once

#include "registry/hub/identity_json.h"
#include "store/broker_marks.h"
#include "store/sqlite/hub_store.h"

#include <span>

namespace berth::store {

class sqlite_connection_store {
public:
    // `hub`, a store in the same directory, outlives it.
    sqlite_connection_store(sqlite_hub_store& hub, const std::filesystem::path& directory)
        : db_(*hub.db_), marks_(directory / "brokers") {}

    // ---- of a broker
    // It runs from now on, until this object goes; returns its number. Notes of brokers that do not run go.
    result<uint64_t> begin_broker(unix_seconds now);
    // With all that it has noted.
    result<void> end_broker(uint64_t broker);
    struct presence {
        registry::identity_name name;
        bool here = false;
        unix_seconds at = 0;  // since when
    };
    // `devices`: how many are connected there now. In one commit.
    result<void> note(uint64_t broker, std::span<const presence> changed, uint64_t devices);

    // ---- of the hub
    // With how many messages its queue has.
    result<registry::connection_facts> facts_of(const registry::identity_name& name);
    // Devices, without modules; who is connected at two brokers counts twice.
    result<uint64_t> connected_devices();

private:
    database& db_;
    broker_marks marks_;
};

}  // namespace berth::store

// The step of the hub's schema that remembers what the sinks of life-cycle events have taken.
#pragma once

namespace berth::store {

inline constexpr const char* hub_events = R"sql(
CREATE TABLE event_sink (
    name     TEXT PRIMARY KEY,
    position INTEGER NOT NULL    -- identity_event.number of the last one that it has
) WITHOUT ROWID;
)sql";

}  // namespace berth::store

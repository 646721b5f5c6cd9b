// The step of the hub's schema that brings who is connected, as the brokers of the hub have noted it.
#pragma once

namespace berth::store {

inline constexpr const char* hub_connections = R"sql(
CREATE TABLE broker (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,   -- never given twice
    began   INTEGER NOT NULL,
    devices INTEGER NOT NULL DEFAULT 0           -- that are connected there
);
CREATE TABLE connection (
    device TEXT NOT NULL,
    module TEXT NOT NULL,
    broker INTEGER NOT NULL,
    since  INTEGER NOT NULL,
    PRIMARY KEY (device, module, broker)
) WITHOUT ROWID;
)sql";

}  // namespace berth::store

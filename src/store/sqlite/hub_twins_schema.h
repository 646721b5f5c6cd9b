// The step of the hub's schema that brings twins.
#pragma once

namespace berth::store {

// Most devices' are small, and one that was never set has no row.
inline constexpr const char* hub_twins = R"sql(
CREATE TABLE twin (
    device           TEXT NOT NULL,
    module           TEXT NOT NULL DEFAULT '',
    desired          TEXT NOT NULL DEFAULT '{}',
    desired_version  INTEGER NOT NULL DEFAULT 1,
    desired_changed  INTEGER NOT NULL DEFAULT 0,
    reported         TEXT NOT NULL DEFAULT '{}',
    reported_version INTEGER NOT NULL DEFAULT 1,
    reported_changed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (device, module)
) WITHOUT ROWID;
-- What is to be told to devices that are connected; the last ones only.
CREATE TABLE desired_news (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,   -- never given twice
    device  TEXT NOT NULL,
    module  TEXT NOT NULL,
    version INTEGER NOT NULL,
    patch   TEXT NOT NULL
);
CREATE TRIGGER twin_goes AFTER DELETE ON identity BEGIN
    DELETE FROM twin WHERE device = old.device AND module = old.module;
END;
)sql";

}  // namespace berth::store

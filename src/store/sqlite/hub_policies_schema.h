// The step of the hub's schema that brings what groups may do.
#pragma once

namespace berth::store {

inline constexpr const char* hub_policies = R"sql(
CREATE TABLE group_policy (
    grouped   TEXT PRIMARY KEY,
    allowed   INTEGER NOT NULL,
    publish   TEXT NOT NULL DEFAULT '',   -- filters, one a line
    subscribe TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
INSERT INTO tally VALUES ('policies', 1);
)sql";

}  // namespace berth::store

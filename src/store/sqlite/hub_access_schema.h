// The step of the hub's schema that brings shared keys, and settings of the hub as a whole.
#pragma once

namespace berth::store {

inline constexpr const char* hub_access = R"sql(
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO tally VALUES ('settings', 1);

-- Beside the identity, so that nobody reads keys who reads identities. They go with it, and when it logs in another way.
CREATE TABLE identity_key (
    device     TEXT NOT NULL,
    module     TEXT NOT NULL,
    first_key  BLOB NOT NULL,
    second_key BLOB NOT NULL,
    PRIMARY KEY (device, module)
) WITHOUT ROWID;
CREATE TRIGGER identity_key_goes_with_it AFTER DELETE ON identity WHEN OLD.login = 'sas' BEGIN
    DELETE FROM identity_key WHERE device = OLD.device AND module = OLD.module;
END;
CREATE TRIGGER identity_key_is_of_no_use AFTER UPDATE OF login ON identity WHEN OLD.login = 'sas' AND NEW.login <> 'sas' BEGIN
    DELETE FROM identity_key WHERE device = OLD.device AND module = OLD.module;
END;
)sql";

}  // namespace berth::store

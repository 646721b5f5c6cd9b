#include "store/sqlite/hub_access_schema.h"
#include "store/sqlite/hub_lists_schema.h"
#include "store/sqlite/migrations.h"

namespace berth::store {

namespace {

constexpr const char* hub_1 = R"sql(
CREATE TABLE identity (
    device         TEXT NOT NULL,
    module         TEXT NOT NULL DEFAULT '',
    generation     INTEGER NOT NULL,
    version        INTEGER NOT NULL,
    enabled        INTEGER NOT NULL,
    reason         TEXT NOT NULL DEFAULT '',
    login          TEXT NOT NULL,
    first_print    BLOB NOT NULL DEFAULT x'',
    second_print   BLOB NOT NULL DEFAULT x'',
    grouped        TEXT NOT NULL DEFAULT '',
    tags           TEXT NOT NULL DEFAULT '',
    created        INTEGER NOT NULL,
    status_changed INTEGER NOT NULL,
    last_activity  INTEGER NOT NULL DEFAULT 0,
    login_ca       INTEGER NOT NULL DEFAULT 0,   -- authority.id of the last login; 0: none
    epoch          INTEGER NOT NULL DEFAULT 0,
    epoch_raised   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (device, module)
) WITHOUT ROWID;
-- Most have none, and cost nothing.
CREATE INDEX identity_group ON identity (grouped, device, module) WHERE grouped <> '';
CREATE INDEX identity_disabled ON identity (device, module) WHERE enabled = 0;
CREATE INDEX identity_module ON identity (device, module) WHERE module <> '';
CREATE INDEX identity_first_print ON identity (first_print) WHERE first_print <> x'';
CREATE INDEX identity_second_print ON identity (second_print) WHERE second_print <> x'';
CREATE INDEX identity_login_ca ON identity (login_ca) WHERE login_ca <> 0;

CREATE TABLE tally (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO tally VALUES ('devices', 0), ('disabled', 0), ('modules', 0), ('trust', 1);

CREATE TABLE identity_event (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,   -- never given twice
    at         INTEGER NOT NULL,
    what       TEXT NOT NULL,
    device     TEXT NOT NULL,
    module     TEXT NOT NULL,
    generation INTEGER NOT NULL
);

CREATE TABLE authority (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT NOT NULL UNIQUE,
    certificate  BLOB NOT NULL,
    sha256       BLOB NOT NULL UNIQUE,
    state        TEXT NOT NULL,
    code         TEXT NOT NULL DEFAULT '',
    code_expires INTEGER NOT NULL DEFAULT 0,
    added        INTEGER NOT NULL,
    verified_at  INTEGER NOT NULL DEFAULT 0,
    retires      INTEGER NOT NULL DEFAULT 0,
    version      INTEGER NOT NULL
);
)sql";

constexpr database::migration steps[] = {{1, hub_1}, {2, hub_access, false}, {3, hub_lists}};

}  // namespace

std::span<const database::migration> hub_schema() {
    return steps;
}

}  // namespace berth::store

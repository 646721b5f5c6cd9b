#include "store/sqlite/hub_access_schema.h"
#include "store/sqlite/hub_connections_schema.h"
#include "store/sqlite/hub_ended_schema.h"
#include "store/sqlite/hub_events_schema.h"
#include "store/sqlite/hub_files_schema.h"
#include "store/sqlite/hub_lasting_schema.h"
#include "store/sqlite/hub_lists_schema.h"
#include "store/sqlite/hub_messages_schema.h"
#include "store/sqlite/hub_objects_schema.h"
#include "store/sqlite/hub_ocsp_schema.h"
#include "store/sqlite/hub_policies_schema.h"
#include "store/sqlite/hub_signers_schema.h"
#include "store/sqlite/hub_statuses_schema.h"
#include "store/sqlite/hub_tpm_schema.h"
#include "store/sqlite/hub_twins_schema.h"
#include "store/sqlite/hub_upload_logins_schema.h"
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

constexpr const char* hub_provisioning = R"sql(
CREATE TABLE enrolment (
    kind        TEXT NOT NULL,
    folded      TEXT NOT NULL,               -- the id without case
    id          TEXT NOT NULL,
    generation  INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    enabled     INTEGER NOT NULL,
    first_cert  BLOB NOT NULL DEFAULT x'',   -- of one device
    second_cert BLOB NOT NULL DEFAULT x'',
    first_ca    TEXT NOT NULL DEFAULT '',    -- of a group: authority.name
    second_ca   TEXT NOT NULL DEFAULT '',
    device      TEXT NOT NULL DEFAULT '',
    allocation  TEXT NOT NULL,
    hubs        TEXT NOT NULL DEFAULT '',    -- one a line
    webhook     TEXT NOT NULL DEFAULT '',
    reprovision TEXT NOT NULL,
    grouped     TEXT NOT NULL DEFAULT '',
    tags        TEXT NOT NULL DEFAULT '',
    created     INTEGER NOT NULL,
    changed     INTEGER NOT NULL,
    PRIMARY KEY (kind, folded)
) WITHOUT ROWID;
CREATE INDEX enrolment_first_ca ON enrolment (first_ca) WHERE first_ca <> '';
CREATE INDEX enrolment_second_ca ON enrolment (second_ca) WHERE second_ca <> '';

CREATE TABLE registration (
    folded        TEXT PRIMARY KEY,
    id            TEXT NOT NULL,
    via           TEXT NOT NULL,
    enrolment     TEXT NOT NULL,             -- its folded id
    shown         TEXT NOT NULL,             -- its id
    status        TEXT NOT NULL,
    detail        TEXT NOT NULL,
    device        TEXT NOT NULL DEFAULT '',
    hub           TEXT NOT NULL DEFAULT '',
    generation    INTEGER NOT NULL DEFAULT 0,
    certificate   BLOB NOT NULL,
    operation     TEXT NOT NULL DEFAULT '',
    payload       TEXT NOT NULL DEFAULT '',
    error_code    INTEGER NOT NULL DEFAULT 0,
    error_message TEXT NOT NULL DEFAULT '',
    created       INTEGER NOT NULL,
    changed       INTEGER NOT NULL,
    version       INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX registration_enrolment ON registration (via, enrolment, folded);
CREATE INDEX registration_operation ON registration (operation) WHERE operation <> '';

CREATE TABLE linked_hub (
    host   TEXT PRIMARY KEY,
    weight INTEGER NOT NULL,
    local  INTEGER NOT NULL,
    near   TEXT NOT NULL DEFAULT '',         -- one prefix a line
    added  INTEGER NOT NULL
) WITHOUT ROWID;
)sql";

constexpr database::migration steps[] = {
    {1, hub_1},        {2, hub_access, false},    {3, hub_provisioning},  {4, hub_policies},    {5, hub_lists},
    {6, hub_twins},    {7, hub_events, false},    {8, hub_ocsp, false},   {9, hub_connections}, {10, hub_ended},
    {11, hub_tpm},     {12, hub_statuses, false}, {13, hub_messages},     {14, hub_files},      {15, hub_signers},
    {16, hub_lasting}, {17, hub_objects},         {18, hub_upload_logins}};

}  // namespace

std::span<const database::migration> hub_schema() {
    return steps;
}

}  // namespace berth::store

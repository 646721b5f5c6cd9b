#include "store/sqlite/migrations.h"

namespace berth::store {

namespace {

constexpr const char* masa_1 = R"sql(
CREATE TABLE generation (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO generation VALUES ('trust', 1), ('ownership', 1);

CREATE TABLE customer (
    name       TEXT PRIMARY KEY,
    root       BLOB NOT NULL,
    root_spki  BLOB NOT NULL UNIQUE,   -- "its key registered once"
    registrars TEXT NOT NULL DEFAULT '[]',
    added_at   INTEGER NOT NULL,
    removed_at INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE device (
    root_spki         BLOB NOT NULL,
    serial            TEXT NOT NULL,
    model             TEXT NOT NULL,
    state             TEXT NOT NULL,
    customer          TEXT NOT NULL DEFAULT '',
    successor         TEXT NOT NULL DEFAULT '',
    release_effective INTEGER NOT NULL DEFAULT 0,
    blocked           INTEGER NOT NULL DEFAULT 0,
    revoked           INTEGER NOT NULL DEFAULT 0,
    configuration     TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (root_spki, serial)
) WITHOUT ROWID;
CREATE INDEX device_serial ON device (serial);

CREATE TABLE waiting_kk3 (
    kk3_id      BLOB PRIMARY KEY,
    root_spki   BLOB NOT NULL,
    serial      TEXT NOT NULL,
    z3_hash     BLOB NOT NULL,
    sealed_keys BLOB NOT NULL,
    expires_at  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX waiting_device ON waiting_kk3 (root_spki, serial);  -- one live KK3 per identity
CREATE INDEX waiting_expiry ON waiting_kk3 (expires_at);

CREATE TABLE authorization (
    kk3_id             BLOB PRIMARY KEY,   -- one KK3 carries one BI1 and one voucher, ever
    bi2_hash           BLOB NOT NULL,
    root_spki          BLOB NOT NULL,
    serial             TEXT NOT NULL,
    z3_hash            BLOB NOT NULL,
    customer           TEXT NOT NULL,
    bi1                BLOB NOT NULL,
    sealed_voucher     BLOB NOT NULL,
    nonce              BLOB NOT NULL,
    at                 INTEGER NOT NULL,
    voucher_expires_at INTEGER NOT NULL,
    result             TEXT NOT NULL DEFAULT '',
    result_at          INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX authorization_nonce ON authorization (root_spki, serial, nonce);

CREATE TABLE audit (
    number    INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    event     TEXT NOT NULL,
    root_spki BLOB NOT NULL,
    serial    TEXT NOT NULL,
    customer  TEXT NOT NULL,
    outcome   TEXT NOT NULL,
    log_id    TEXT NOT NULL,
    previous  BLOB NOT NULL,
    hash      BLOB NOT NULL
);
CREATE TRIGGER audit_is_append_only_1 BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_append_only_2 BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TABLE checkpoint (
    number    INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    hash      BLOB NOT NULL,
    signature BLOB NOT NULL
);
)sql";

// Which key seals what the MASA keeps: a value that only that key gives.
constexpr const char* masa_2 = "CREATE TABLE store_key (id INTEGER PRIMARY KEY CHECK (id = 1), check_value BLOB NOT NULL)";

constexpr const char* registrar_1 = R"sql(
CREATE TABLE generation (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO generation VALUES ('decision', 1), ('configuration', 0);

CREATE TABLE device (
    root_spki     BLOB NOT NULL,
    serial        TEXT NOT NULL,
    z3_hash       BLOB NOT NULL,
    model         TEXT NOT NULL DEFAULT '',
    firmware      TEXT NOT NULL DEFAULT '',
    groups        TEXT NOT NULL DEFAULT '',
    approval      TEXT NOT NULL DEFAULT 'unknown',
    first_seen    INTEGER NOT NULL,
    last_seen     INTEGER NOT NULL,
    onboarded_at  INTEGER NOT NULL DEFAULT 0,
    last_result   TEXT NOT NULL DEFAULT '',
    configuration INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (root_spki, serial)
) WITHOUT ROWID;
CREATE INDEX device_serial ON device (serial);

CREATE TABLE requests (
    kk3_id    BLOB PRIMARY KEY,
    root_spki BLOB NOT NULL,
    serial    TEXT NOT NULL,
    requests  BLOB NOT NULL,
    at        INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE certificate (
    leaf_hash  BLOB PRIMARY KEY,
    root_spki  BLOB NOT NULL,
    serial     TEXT NOT NULL,
    name       TEXT NOT NULL,
    profile    TEXT NOT NULL,
    kind       INTEGER NOT NULL,
    spki_hash  BLOB NOT NULL,
    chain      BLOB NOT NULL,
    x509_serial BLOB NOT NULL,
    not_before INTEGER NOT NULL,
    not_after  INTEGER NOT NULL,
    issued_at  INTEGER NOT NULL,
    revoked_at INTEGER NOT NULL DEFAULT 0,
    why        TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX certificate_key ON certificate (spki_hash);

CREATE TABLE granted (
    kk3_id        BLOB PRIMARY KEY,
    root_spki     BLOB NOT NULL,
    serial        TEXT NOT NULL,
    leaf_hashes   BLOB NOT NULL,
    configuration INTEGER NOT NULL,
    at            INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE result (
    kk3_id       BLOB PRIMARY KEY,
    root_spki    BLOB NOT NULL,
    serial       TEXT NOT NULL,
    z3_hash      BLOB NOT NULL,
    installed    INTEGER NOT NULL,
    refusal      TEXT NOT NULL,
    at           INTEGER NOT NULL,
    delivered_at INTEGER NOT NULL DEFAULT 0,
    outcome      TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX result_waiting ON result (root_spki) WHERE delivered_at = 0;

CREATE TABLE configuration (
    scope   INTEGER NOT NULL,
    name    TEXT NOT NULL,
    version INTEGER NOT NULL UNIQUE,
    json    TEXT NOT NULL,
    set_at  INTEGER NOT NULL,
    PRIMARY KEY (scope, name, version)
) WITHOUT ROWID;
)sql";

// Releases that an owner asked for, until the MASA has answered; revocations, counted, since each makes a CRL due.
constexpr const char* registrar_2 = R"sql(
INSERT INTO generation VALUES ('revocation', 1);
CREATE TABLE release (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    root_spki   BLOB NOT NULL,
    serial      TEXT NOT NULL,
    successor   TEXT NOT NULL,
    asked_at    INTEGER NOT NULL,
    give_up_at  INTEGER NOT NULL,
    sent_at     INTEGER NOT NULL DEFAULT 0,
    answered_at INTEGER NOT NULL DEFAULT 0,
    outcome     TEXT NOT NULL DEFAULT ''
);
CREATE INDEX release_waiting ON release (number) WHERE answered_at = 0;
)sql";

// The version that a device's configuration has had at least since its layers became others (another group, another model).
constexpr const char* registrar_3 = "ALTER TABLE device ADD COLUMN layers_version INTEGER NOT NULL DEFAULT 0";

// All certificates of a device: whenever its configuration is fetched, and when it is given away.
constexpr const char* registrar_4 = "CREATE INDEX certificate_device ON certificate (root_spki, serial)";

// What the last quote of a device was worth.
constexpr const char* registrar_5 = "ALTER TABLE device ADD COLUMN integrity TEXT NOT NULL DEFAULT ''; "
                                    "ALTER TABLE device ADD COLUMN integrity_at INTEGER NOT NULL DEFAULT 0";

// What an operator has said of a device's life, for good: only ever added to.
constexpr const char* registrar_6 = R"sql(
CREATE TABLE life (
    number    INTEGER PRIMARY KEY,
    root_spki BLOB NOT NULL,
    serial    TEXT NOT NULL,
    at        INTEGER NOT NULL,
    step      TEXT NOT NULL,   -- 'decommissioned', 'recommissioned'
    about     TEXT NOT NULL
);
CREATE INDEX life_device ON life (root_spki, serial);
CREATE INDEX result_device ON result (root_spki, serial);
CREATE INDEX release_device ON release (root_spki, serial);
CREATE TRIGGER life_is_append_only_1 BEFORE UPDATE ON life BEGIN SELECT RAISE(ABORT, 'what was said of a life stays'); END;
CREATE TRIGGER life_is_append_only_2 BEFORE DELETE ON life BEGIN SELECT RAISE(ABORT, 'what was said of a life stays'); END;
)sql";

// What a device has asked for before: whenever a CA is asked for it.
constexpr const char* registrar_7 = "CREATE INDEX requests_device ON requests (root_spki, serial, at)";

constexpr database::migration masa_steps[] = {{1, masa_1}, {2, masa_2, false}};
constexpr database::migration registrar_steps[] = {{1, registrar_1},        {2, registrar_2}, {3, registrar_3},
                                                   {4, registrar_4, false}, {5, registrar_5}, {6, registrar_6},
                                                   {7, registrar_7, false}};

}  // namespace

std::span<const database::migration> masa_schema() {
    return masa_steps;
}

std::span<const database::migration> registrar_schema() {
    return registrar_steps;
}

}  // namespace berth::store

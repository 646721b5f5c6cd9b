// The schema of a CA's records.
#include "store/sqlite/migrations.h"

namespace berth::store {

namespace {

constexpr const char* ca_1 = R"sql(
CREATE TABLE issued (
    number       INTEGER PRIMARY KEY,
    issuer       BLOB NOT NULL,
    serial       BLOB NOT NULL,
    certificate  BLOB NOT NULL,
    subject      TEXT NOT NULL,
    maker_root   BLOB NOT NULL,
    device       TEXT NOT NULL,
    profile      TEXT NOT NULL,
    requester    TEXT NOT NULL,
    proofs       TEXT NOT NULL,
    proof_issuer BLOB NOT NULL,
    proof_anchor BLOB NOT NULL,
    batch        TEXT NOT NULL,
    epoch        INTEGER NOT NULL,
    shard        INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    not_before   INTEGER NOT NULL,
    not_after    INTEGER NOT NULL,
    previous     BLOB NOT NULL,
    hash         BLOB NOT NULL
);
CREATE UNIQUE INDEX issued_serial ON issued (issuer, serial);
CREATE INDEX issued_shard ON issued (issuer, shard);
CREATE INDEX issued_device ON issued (device, maker_root) WHERE device <> '';
CREATE INDEX issued_batch ON issued (batch) WHERE batch <> '';
CREATE TRIGGER issued_is_append_only_1 BEFORE UPDATE ON issued BEGIN SELECT RAISE(ABORT, 'the issuance log is append-only'); END;
CREATE TRIGGER issued_is_append_only_2 BEFORE DELETE ON issued BEGIN SELECT RAISE(ABORT, 'the issuance log is append-only'); END;

CREATE TABLE sequence (issuer BLOB PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE revoked (
    issuer    BLOB NOT NULL,
    serial    BLOB NOT NULL,
    shard     INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    reason    INTEGER NOT NULL,
    PRIMARY KEY (issuer, serial)
) WITHOUT ROWID;
CREATE INDEX revoked_shard ON revoked (issuer, shard);
CREATE TRIGGER revoked_is_for_good_1 BEFORE UPDATE ON revoked BEGIN SELECT RAISE(ABORT, 'what is revoked stays so'); END;
CREATE TRIGGER revoked_is_for_good_2 BEFORE DELETE ON revoked BEGIN SELECT RAISE(ABORT, 'what is revoked stays so'); END;

CREATE TABLE withdrawn (
    kind   TEXT NOT NULL,
    value  BLOB NOT NULL,
    at     INTEGER NOT NULL,
    reason INTEGER NOT NULL,
    PRIMARY KEY (kind, value)
) WITHOUT ROWID;
CREATE TRIGGER withdrawn_is_for_good_1 BEFORE UPDATE ON withdrawn BEGIN SELECT RAISE(ABORT, 'what is withdrawn stays so'); END;
CREATE TRIGGER withdrawn_is_for_good_2 BEFORE DELETE ON withdrawn BEGIN SELECT RAISE(ABORT, 'what is withdrawn stays so'); END;

CREATE TABLE epoch (
    maker_root BLOB NOT NULL,
    device     TEXT NOT NULL,
    epoch      INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    reason     INTEGER NOT NULL,
    PRIMARY KEY (device, maker_root, epoch)
) WITHOUT ROWID;
CREATE TRIGGER epoch_is_for_good_1 BEFORE UPDATE ON epoch BEGIN SELECT RAISE(ABORT, 'epochs do not come back'); END;
CREATE TRIGGER epoch_is_for_good_2 BEFORE DELETE ON epoch BEGIN SELECT RAISE(ABORT, 'epochs do not come back'); END;

CREATE TABLE crl (
    issuer      BLOB NOT NULL,
    shard       INTEGER NOT NULL,   -- -1: of everything
    number      INTEGER NOT NULL,
    delta       INTEGER NOT NULL,
    base        INTEGER NOT NULL,
    this_update INTEGER NOT NULL,
    next_update INTEGER NOT NULL,
    entries     INTEGER NOT NULL,
    PRIMARY KEY (issuer, shard, number)
) WITHOUT ROWID;

CREATE TABLE pending (
    id         BLOB PRIMARY KEY,
    profile    TEXT NOT NULL,
    requester  TEXT NOT NULL,
    proofs     TEXT NOT NULL,
    maker_root BLOB NOT NULL,
    device     TEXT NOT NULL,
    request    BLOB NOT NULL,
    at         INTEGER NOT NULL,
    state      INTEGER NOT NULL,
    decided_by TEXT NOT NULL DEFAULT '',
    decided_at INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX pending_waiting ON pending (at) WHERE state = 0;

CREATE TABLE token (
    hash       BLOB PRIMARY KEY,
    identity   TEXT NOT NULL,
    profile    TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
)sql";

constexpr const char* ca_2 = R"sql(
CREATE INDEX pending_requester ON pending (device, requester) WHERE state = 0;
)sql";

constexpr database::migration ca_steps[] = {{1, ca_1}, {2, ca_2, false}};

}  // namespace

std::span<const database::migration> ca_schema() {
    return ca_steps;
}

}  // namespace berth::store

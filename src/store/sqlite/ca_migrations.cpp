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

// On whose word an entry stands. What an earlier version has issued on proof of a certificate of one of the CAs here has only
// that CA as proof: it is given the origins of all that the device had before, for nobody can tell any more which of it was
// shown.
constexpr const char* ca_3 = R"sql(
ALTER TABLE issued ADD COLUMN form INTEGER NOT NULL DEFAULT 1;
ALTER TABLE issued ADD COLUMN origins INTEGER NOT NULL DEFAULT 0;
CREATE TABLE origin_set (id INTEGER PRIMARY KEY, members TEXT NOT NULL UNIQUE);
CREATE TABLE origin_member (ca BLOB NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (ca, id)) WITHOUT ROWID;

CREATE TABLE proved AS SELECT maker_root, device, ca, min(number) AS number FROM (
    SELECT maker_root, device, proof_issuer AS ca, number FROM issued WHERE device <> ''
    UNION ALL SELECT maker_root, device, proof_anchor, number FROM issued WHERE device <> '')
    WHERE ca <> zeroblob(32) GROUP BY maker_root, device, ca;
CREATE INDEX proved_device ON proved (device, maker_root);
CREATE TABLE stands_on AS SELECT number, ca FROM (
    SELECT number, proof_issuer AS ca FROM issued
    UNION SELECT number, proof_anchor FROM issued
    UNION SELECT number, maker_root FROM issued
    UNION SELECT i.number, p.ca FROM issued i JOIN proved p ON p.device = i.device AND p.maker_root = i.maker_root AND
        p.number < i.number WHERE i.device <> '' AND i.proof_issuer IN (SELECT DISTINCT issuer FROM issued))
    WHERE ca <> zeroblob(32);
CREATE TABLE of_entry AS SELECT number, group_concat(lower(hex(ca)), '') AS members
    FROM (SELECT number, ca FROM stands_on ORDER BY number, ca) GROUP BY number;
CREATE UNIQUE INDEX of_entry_number ON of_entry (number);
INSERT INTO origin_set (members) SELECT DISTINCT members FROM of_entry;
INSERT INTO origin_member SELECT DISTINCT a.ca, s.id FROM stands_on a JOIN of_entry e ON e.number = a.number
    JOIN origin_set s ON s.members = e.members;
DROP TRIGGER issued_is_append_only_1;
UPDATE issued SET origins = (SELECT s.id FROM of_entry e JOIN origin_set s ON s.members = e.members
    WHERE e.number = issued.number) WHERE number IN (SELECT number FROM of_entry);
CREATE TRIGGER issued_is_append_only_1 BEFORE UPDATE ON issued BEGIN SELECT RAISE(ABORT, 'the issuance log is append-only'); END;
DROP TABLE proved;
DROP TABLE stands_on;
DROP TABLE of_entry;

CREATE INDEX issued_origins ON issued (origins, issuer);
CREATE TRIGGER origins_stay_1 BEFORE UPDATE ON origin_set BEGIN SELECT RAISE(ABORT, 'the issuance log is append-only'); END;
CREATE TRIGGER origins_stay_2 BEFORE DELETE ON origin_set BEGIN SELECT RAISE(ABORT, 'the issuance log is append-only'); END;
CREATE TRIGGER origins_stay_3 BEFORE UPDATE ON origin_member BEGIN SELECT RAISE(ABORT, 'the issuance log is append-only'); END;
CREATE TRIGGER origins_stay_4 BEFORE DELETE ON origin_member BEGIN SELECT RAISE(ABORT, 'the issuance log is append-only'); END;
)sql";

// How often anything was ended: what was published before is judged again.
constexpr const char* ca_4 = R"sql(
CREATE TABLE endings (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL);
INSERT INTO endings VALUES (1, 0);
CREATE TRIGGER revoked_ends AFTER INSERT ON revoked BEGIN UPDATE endings SET count = count + 1; END;
CREATE TRIGGER withdrawn_ends AFTER INSERT ON withdrawn BEGIN UPDATE endings SET count = count + 1; END;
CREATE TRIGGER epoch_ends AFTER INSERT ON epoch BEGIN UPDATE endings SET count = count + 1; END;
)sql";

constexpr database::migration ca_steps[] = {{1, ca_1}, {2, ca_2, false}, {3, ca_3}, {4, ca_4, false}};

}  // namespace

std::span<const database::migration> ca_schema() {
    return ca_steps;
}

}  // namespace berth::store

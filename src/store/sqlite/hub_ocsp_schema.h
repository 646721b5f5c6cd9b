// The step of the hub's schema that brings what OCSP responders of registered CAs say.
#pragma once

namespace berth::store {

inline constexpr const char* hub_ocsp = R"sql(
CREATE TABLE authority_ocsp (
    authority INTEGER PRIMARY KEY REFERENCES authority (id) ON DELETE CASCADE,
    responder TEXT NOT NULL,          -- '': where each certificate says
    required  INTEGER NOT NULL,
    refresh   INTEGER NOT NULL        -- seconds
);

CREATE TABLE certificate_status (
    issuer      BLOB NOT NULL,        -- SHA-256 of the issuer's public key
    serial      BLOB NOT NULL,
    certificate BLOB NOT NULL,
    wanted      INTEGER NOT NULL,     -- when its holder was last seen
    due         INTEGER NOT NULL,     -- when it is to be asked about next
    state       TEXT NOT NULL DEFAULT '',
    revoked_at  INTEGER NOT NULL DEFAULT 0,
    reason      INTEGER NOT NULL DEFAULT 0,
    this_update INTEGER NOT NULL DEFAULT 0,
    until       INTEGER NOT NULL DEFAULT 0,
    ending      INTEGER NOT NULL DEFAULT 0,   -- tally 'ocsp' when it was found revoked
    PRIMARY KEY (issuer, serial)
) WITHOUT ROWID;
CREATE INDEX certificate_status_due ON certificate_status (due);
CREATE INDEX certificate_status_wanted ON certificate_status (wanted);
CREATE INDEX certificate_status_ending ON certificate_status (ending) WHERE ending <> 0;
INSERT INTO tally VALUES ('ocsp', 0);
)sql";

}  // namespace berth::store

// The step of the hub's schema that brings files of devices: uploads that are open, what is there, and what back ends are to be
// told of it.
#pragma once

namespace berth::store {

inline constexpr const char* hub_files = R"sql(
CREATE TABLE file_upload (
    device      TEXT NOT NULL,
    name        TEXT NOT NULL,
    generation  INTEGER NOT NULL,     -- the device's
    correlation TEXT NOT NULL UNIQUE,
    began       INTEGER NOT NULL,
    ends        INTEGER NOT NULL,     -- with its token
    PRIMARY KEY (device, name)
) WITHOUT ROWID;
CREATE TRIGGER file_upload_goes_with_it AFTER DELETE ON identity WHEN OLD.module = '' BEGIN
    DELETE FROM file_upload WHERE device = OLD.device;
END;

CREATE TABLE file (
    device  TEXT NOT NULL,
    name    TEXT NOT NULL,
    octets  INTEGER NOT NULL,
    type    TEXT NOT NULL,
    version INTEGER NOT NULL,         -- one more each time it is put
    made    INTEGER NOT NULL,
    content TEXT NOT NULL,            -- what its octets are called on the disk, another each time
    PRIMARY KEY (device, name)
) WITHOUT ROWID;

CREATE TABLE file_use (
    device TEXT PRIMARY KEY,          -- '': all
    files  INTEGER NOT NULL,
    octets INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO file_use VALUES ('', 0, 0);
CREATE TRIGGER file_use_grows AFTER INSERT ON file BEGIN
    INSERT INTO file_use VALUES (NEW.device, 1, NEW.octets), ('', 1, NEW.octets)
        ON CONFLICT DO UPDATE SET files = files + 1, octets = octets + NEW.octets;
END;
CREATE TRIGGER file_use_changes AFTER UPDATE OF octets ON file BEGIN
    UPDATE file_use SET octets = octets + NEW.octets - OLD.octets WHERE device IN (NEW.device, '');
END;
CREATE TRIGGER file_use_shrinks AFTER DELETE ON file BEGIN
    UPDATE file_use SET files = files - 1, octets = octets - OLD.octets WHERE device IN (OLD.device, '');
    DELETE FROM file_use WHERE device = OLD.device AND files = 0;
END;

CREATE TABLE file_notice (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    device TEXT NOT NULL,
    name   TEXT NOT NULL,
    octets INTEGER NOT NULL,
    made   INTEGER NOT NULL,
    queued INTEGER NOT NULL,
    lock   TEXT NOT NULL DEFAULT '',
    until  INTEGER NOT NULL DEFAULT 0,   -- of the lock
    given  INTEGER NOT NULL DEFAULT 0    -- how often
);
CREATE INDEX file_notice_lock ON file_notice (lock) WHERE lock <> '';
)sql";

}  // namespace berth::store

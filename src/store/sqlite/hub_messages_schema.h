// The step of the hub's schema that brings messages to devices.
#pragma once

namespace berth::store {

inline constexpr const char* hub_messages = R"sql(
CREATE TABLE device_message (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,   -- never given twice
    device       TEXT NOT NULL,
    generation   INTEGER NOT NULL,
    enqueued     INTEGER NOT NULL,
    expires      INTEGER NOT NULL,
    ack          TEXT NOT NULL,
    id           TEXT NOT NULL,
    correlation  TEXT NOT NULL,
    type         TEXT NOT NULL,
    encoding     TEXT NOT NULL,
    properties   TEXT NOT NULL,                       -- a JSON array of names and values, by turns
    body         BLOB NOT NULL,
    deliveries   INTEGER NOT NULL DEFAULT 0,
    locked_until INTEGER NOT NULL DEFAULT 0,          -- 0: it waits
    lock         TEXT NOT NULL DEFAULT ''
);
CREATE INDEX device_message_queue ON device_message (device, number);
CREATE INDEX device_message_expiry ON device_message (expires);
CREATE INDEX device_message_locked ON device_message (locked_until) WHERE locked_until <> 0;
-- Whose queue brokers are to look at again; the last ones only.
CREATE TABLE queue_news (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    device TEXT NOT NULL
);
-- Devices whose lasting sessions at a broker have subscribed to their messages.
CREATE TABLE message_listener (device TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE message_feedback (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    original     TEXT NOT NULL,
    ending       TEXT NOT NULL,
    device       TEXT NOT NULL,
    generation   INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    locked_until INTEGER NOT NULL DEFAULT 0,
    lock         TEXT NOT NULL DEFAULT ''
);
CREATE INDEX message_feedback_age ON message_feedback (at);
CREATE INDEX message_feedback_locked ON message_feedback (locked_until) WHERE locked_until <> 0;
CREATE TABLE message_count (event TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
CREATE TRIGGER messages_go AFTER DELETE ON identity WHEN old.module = '' BEGIN
    DELETE FROM device_message WHERE device = old.device;
    DELETE FROM message_listener WHERE device = old.device;
END;
)sql";

}  // namespace berth::store

// The step of the hub's schema for files whose octets lie in an object store: what may be there that no file has, and is to go
// from there. It is noted before it is put, and as a file lets go of it, so that no kill leaves anything behind.
#pragma once

namespace berth::store {

inline constexpr const char* hub_objects = R"sql(
CREATE TABLE file_object (
    content TEXT PRIMARY KEY,              -- as file.content: "s3...."
    device  TEXT NOT NULL,
    upload  TEXT NOT NULL DEFAULT ''       -- that its parts belong to, while there are such
) WITHOUT ROWID;
CREATE TRIGGER file_object_is_a_files AFTER INSERT ON file BEGIN
    DELETE FROM file_object WHERE content = NEW.content;
END;
CREATE TRIGGER file_object_is_anothers AFTER UPDATE OF content ON file BEGIN
    INSERT OR IGNORE INTO file_object (content, device) SELECT OLD.content, OLD.device WHERE OLD.content GLOB 's3.*';
    DELETE FROM file_object WHERE content = NEW.content;
END;
CREATE TRIGGER file_object_is_nobodys AFTER DELETE ON file WHEN OLD.content GLOB 's3.*' BEGIN
    INSERT OR IGNORE INTO file_object (content, device) VALUES (OLD.content, OLD.device);
END;
)sql";

}  // namespace berth::store

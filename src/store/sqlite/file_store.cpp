#include "store/sqlite/file_store.h"

namespace berth::store {

namespace {

int64_t number(uint64_t n) {
    return static_cast<int64_t>(n);
}

open_upload upload_of(const statement& row) {
    return {row.text(0),    row.text(1), static_cast<uint64_t>(row.integer(2)), row.text(3), row.integer(4),
            row.integer(5), row.text(6)};
}

kept_file file_of(const statement& row) {
    return {
        row.text(0),    row.text(1), static_cast<uint64_t>(row.integer(2)), row.text(3), static_cast<uint64_t>(row.integer(4)),
        row.integer(5), row.text(6)};
}

template <class T, class F>
result<std::vector<T>> all_of(statement& rows, const F& one) {
    std::vector<T> out;
    for (;;) {
        BERTH_TRY(row, rows.step());
        if (!row) {
            return out;
        }
        out.push_back(one(rows));
    }
}

}  // namespace

result<void> sqlite_file_store::open(const open_upload& fresh) {
    return db_.transaction([&]() -> result<void> {
        BERTH_TRY(write, db_.prepare("INSERT OR REPLACE INTO file_upload (device, name, generation, correlation, began, ends, "
                                     "login) VALUES (?, ?, ?, ?, ?, ?, ?)"));
        return write.bind(fresh.device)
            .bind(fresh.name)
            .bind(number(fresh.generation))
            .bind(fresh.correlation)
            .bind(fresh.began)
            .bind(fresh.ends)
            .bind(fresh.login)
            .run();
    });
}

result<std::optional<open_upload>> sqlite_file_store::find_upload(const std::string& device, const std::string& correlation) {
    BERTH_TRY(read, db_.prepare("SELECT device, name, generation, correlation, began, ends, login FROM file_upload "
                                "WHERE correlation = ? AND device = ?"));
    BERTH_TRY(row, read.bind(correlation).bind(device).step());
    return row ? std::optional(upload_of(read)) : std::nullopt;
}

result<std::optional<open_upload>> sqlite_file_store::find_open(const std::string& device, const std::string& name) {
    BERTH_TRY(read, db_.prepare("SELECT device, name, generation, correlation, began, ends, login FROM file_upload "
                                "WHERE device = ? AND name = ?"));
    BERTH_TRY(row, read.bind(device).bind(name).step());
    return row ? std::optional(upload_of(read)) : std::nullopt;
}

result<void> sqlite_file_store::close(const open_upload& which) {
    return db_.transaction([&]() -> result<void> {
        BERTH_TRY(write, db_.prepare("DELETE FROM file_upload WHERE correlation = ?"));
        return write.bind(which.correlation).run();
    });
}

result<uint64_t> sqlite_file_store::count_open(const std::string& device, std::string_view name, unix_seconds now) {
    BERTH_TRY(read, db_.prepare("SELECT count(*) FROM file_upload WHERE device = ? AND name <> ? AND ends > ?"));
    BERTH_TRY(row, read.bind(device).bind(name).bind(now).step());
    return row ? static_cast<uint64_t>(read.integer(0)) : 0;
}

result<std::vector<open_upload>> sqlite_file_store::uploads(std::optional<unix_seconds> ends) {
    BERTH_TRY(read,
              db_.prepare("SELECT device, name, generation, correlation, began, ends, login FROM file_upload WHERE ends < ?"));
    read.bind(ends.value_or(std::numeric_limits<int64_t>::max()));
    return all_of<open_upload>(read, upload_of);
}

result<kept_file> sqlite_file_store::put(const kept_file& file) {
    return db_.transaction([&]() -> result<kept_file> {
        BERTH_TRY(write, db_.prepare("INSERT INTO file (device, name, octets, type, version, made, content) "
                                     "VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6) ON CONFLICT DO UPDATE SET octets = ?3, type = ?4, "
                                     "version = version + 1, made = ?5, content = ?6 "
                                     "RETURNING device, name, octets, type, version, made, content"));
        write.bind(file.device).bind(file.name).bind(number(file.octets)).bind(file.type).bind(file.made).bind(file.content);
        BERTH_TRY(row, write.step());
        kept_file out = row ? file_of(write) : file;
        BERTH_CHECK(write.run());
        return out;
    });
}

result<std::optional<kept_file>> sqlite_file_store::find(const std::string& device, const std::string& name) {
    BERTH_TRY(read, db_.prepare("SELECT device, name, octets, type, version, made, content FROM file "
                                "WHERE device = ? AND name = ?"));
    BERTH_TRY(row, read.bind(device).bind(name).step());
    return row ? std::optional(file_of(read)) : std::nullopt;
}

result<std::vector<std::pair<std::string, std::string>>> sqlite_file_store::contents() {
    BERTH_TRY(read, db_.prepare("SELECT device, content FROM file"));
    return all_of<std::pair<std::string, std::string>>(read,
                                                       [](const statement& row) { return std::pair(row.text(0), row.text(1)); });
}

result<std::vector<kept_file>> sqlite_file_store::list(const std::optional<std::string>& device, const std::string& after_device,
                                                       const std::string& after_name, size_t most) {
    BERTH_TRY(read, db_.prepare("SELECT device, name, octets, type, version, made, content FROM file "
                                "WHERE (device, name) > (?1, ?2) AND (?3 = '' OR device = ?3) ORDER BY device, name LIMIT ?4"));
    read.bind(device && after_device.empty() ? *device : after_device);
    read.bind(after_name).bind(device.value_or("")).bind(number(most));
    return all_of<kept_file>(read, file_of);
}

result<bool> sqlite_file_store::remove(const std::string& device, const std::string& name) {
    return db_.transaction([&]() -> result<bool> {
        BERTH_TRY(write, db_.prepare("DELETE FROM file WHERE device = ? AND name = ?"));
        BERTH_CHECK(write.bind(device).bind(name).run());
        return db_.changes() > 0;
    });
}

result<file_use> sqlite_file_store::use_of(const std::string& device) {
    BERTH_TRY(read, db_.prepare("SELECT files, octets FROM file_use WHERE device = ?"));
    BERTH_TRY(row, read.bind(device).step());
    return row ? file_use{static_cast<uint64_t>(read.integer(0)), static_cast<uint64_t>(read.integer(1))} : file_use{};
}

result<void> sqlite_file_store::note_object(const loose_object& what) {
    return db_.transaction([&]() -> result<void> {
        BERTH_TRY(write, db_.prepare("INSERT OR REPLACE INTO file_object (content, device, upload) VALUES (?, ?, ?)"));
        return write.bind(what.content).bind(what.device).bind(what.upload).run();
    });
}

result<void> sqlite_file_store::forget_object(const std::string& content) {
    return db_.transaction([&]() -> result<void> {
        BERTH_TRY(write, db_.prepare("DELETE FROM file_object WHERE content = ?"));
        return write.bind(content).run();
    });
}

result<std::vector<loose_object>> sqlite_file_store::loose_objects(size_t most) {
    BERTH_TRY(read, db_.prepare("SELECT device, content, upload FROM file_object LIMIT ?"));
    read.bind(number(most));
    return all_of<loose_object>(read, [](const statement& row) { return loose_object{row.text(0), row.text(1), row.text(2)}; });
}

result<void> sqlite_file_store::queue(const kept_file& of, unix_seconds now, uint64_t most) {
    return db_.transaction([&]() -> result<void> {
        {
            BERTH_TRY(write, db_.prepare("INSERT INTO file_notice (device, name, octets, made, queued) VALUES (?, ?, ?, ?, ?)"));
            BERTH_CHECK(write.bind(of.device).bind(of.name).bind(number(of.octets)).bind(of.made).bind(now).run());
        }
        BERTH_TRY(full, db_.prepare("DELETE FROM file_notice WHERE number <= (SELECT max(number) FROM file_notice) - ?"));
        return full.bind(number(most)).run();
    });
}

result<std::optional<file_notice>> sqlite_file_store::take(const std::string& lock, unix_seconds now, unix_seconds until,
                                                           unix_seconds since, uint64_t most_given) {
    return db_.transaction([&]() -> result<std::optional<file_notice>> {
        {
            BERTH_TRY(old, db_.prepare("DELETE FROM file_notice WHERE (queued < ?1 OR given >= ?2) AND until <= ?3"));
            BERTH_CHECK(old.bind(since).bind(number(most_given)).bind(now).run());
        }
        BERTH_TRY(write, db_.prepare("UPDATE file_notice SET lock = ?1, until = ?2, given = given + 1 WHERE number = "
                                     "(SELECT min(number) FROM file_notice WHERE until <= ?3) "
                                     "RETURNING device, name, octets, made, queued"));
        BERTH_TRY(row, write.bind(lock).bind(until).bind(now).step());
        if (!row) {
            return std::nullopt;
        }
        file_notice out;
        out.file = {write.text(0), write.text(1), static_cast<uint64_t>(write.integer(2)), "", 0, write.integer(3)};
        out.queued = write.integer(4);
        out.lock = lock;
        BERTH_CHECK(write.run());
        return std::optional(std::move(out));
    });
}

result<bool> sqlite_file_store::complete(const std::string& lock, unix_seconds now) {
    return db_.transaction([&]() -> result<bool> {
        BERTH_TRY(write, db_.prepare("DELETE FROM file_notice WHERE lock = ? AND lock <> '' AND until > ?"));
        BERTH_CHECK(write.bind(lock).bind(now).run());
        return db_.changes() > 0;
    });
}

result<bool> sqlite_file_store::abandon(const std::string& lock, unix_seconds now) {
    return db_.transaction([&]() -> result<bool> {
        BERTH_TRY(write, db_.prepare("UPDATE file_notice SET lock = '', until = 0 WHERE lock = ? AND lock <> '' AND until > ?"));
        BERTH_CHECK(write.bind(lock).bind(now).run());
        return db_.changes() > 0;
    });
}

result<uint64_t> sqlite_file_store::waiting() {
    BERTH_TRY(read, db_.prepare("SELECT count(*) FROM file_notice"));
    BERTH_TRY(row, read.step());
    return row ? static_cast<uint64_t>(read.integer(0)) : 0;
}

}  // namespace berth::store

#include "store/sqlite/database.h"

#include "store/fault_point.h"

#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <fcntl.h>
#include <unistd.h>

namespace berth::store {

namespace {

constexpr int busy_milliseconds = 10'000;

// SQLite tells a full disk (SQLITE_FULL) from other trouble, but takes a limit on the size of files, or a quota, for a disk that
// fails; by then errno is another's.
bool out_of_room(sqlite3* db) {
    const char* const name = sqlite3_db_filename(db, "main");
    if (!name) {
        return false;
    }
    struct statvfs disk{};
    if (::statvfs(name, &disk) == 0 && disk.f_bavail == 0) {
        return true;
    }
    rlimit limit{};
    if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return false;
    }
    for (const char* part : {"", "-wal"}) {
        struct stat file{};
        // A page may have been what did not fit any more.
        if (::stat((std::string(name) + part).c_str(), &file) == 0 && static_cast<rlim_t>(file.st_size) + 8192 > limit.rlim_cur) {
            return true;
        }
    }
    return false;
}

error to_error(sqlite3* db, int code) {
    const std::string detail = db ? sqlite3_errmsg(db) : sqlite3_errstr(code);
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return {error_category::environment, "store_busy", "the database is locked by another process; try again: " + detail};
    case SQLITE_FULL:
        return {error_category::environment, "disk_full", "the disk is full; free some space, nothing was lost: " + detail};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return {error_category::environment, "corrupt_store",
                "the database file is damaged; restore it from a backup (its -wal file belongs to it): " + detail};
    case SQLITE_CONSTRAINT: return {error_category::usage, "constraint_violated", "the record contradicts another: " + detail};
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return {error_category::environment, "store_not_writable",
                "the database cannot be opened for writing; look at its directory's owner and mode: " + detail};
    case SQLITE_IOERR:
        if (db && out_of_room(db)) {
            return {error_category::environment, "disk_full",
                    "the disk is full, or a limit on it is reached; free some space, nothing was lost: " + detail};
        }
        return {error_category::environment, "store_io_error", "the disk reports an error on the database: " + detail};
    default: return {error_category::environment, "store_failed", "the database failed: " + detail};
    }
}

}  // namespace

// ---- statement

statement::~statement() {
    if (stmt_) {
        sqlite3_reset(stmt_);
        sqlite3_clear_bindings(stmt_);
    }
}

statement& statement::bind(int64_t value) {
    sqlite3_bind_int64(stmt_, next_++, value);
    return *this;
}

statement& statement::bind(std::string_view text) {
    sqlite3_bind_text(stmt_, next_++, text.data() ? text.data() : "", static_cast<int>(text.size()), SQLITE_TRANSIENT);
    return *this;
}

statement& statement::bind(bytes_view blob) {
    if (blob.empty()) {
        sqlite3_bind_zeroblob(stmt_, next_++, 0);
    } else {
        sqlite3_bind_blob(stmt_, next_++, blob.data(), static_cast<int>(blob.size()), SQLITE_TRANSIENT);
    }
    return *this;
}

result<bool> statement::step() {
    const int code = sqlite3_step(stmt_);
    if (code == SQLITE_ROW) {
        return true;
    }
    if (code == SQLITE_DONE) {
        return false;
    }
    return fail(to_error(db_, code));
}

result<void> statement::run() {
    for (;;) {
        BERTH_TRY(more, step());
        if (!more) {
            return {};
        }
    }
}

int64_t statement::integer(int column) const {
    return sqlite3_column_int64(stmt_, column);
}

std::string statement::text(int column) const {
    const auto* data = sqlite3_column_text(stmt_, column);
    const auto size = static_cast<size_t>(sqlite3_column_bytes(stmt_, column));
    return data ? std::string(reinterpret_cast<const char*>(data), size) : std::string();
}

bytes statement::blob(int column) const {
    const auto* data = static_cast<const uint8_t*>(sqlite3_column_blob(stmt_, column));
    const auto size = static_cast<size_t>(sqlite3_column_bytes(stmt_, column));
    return data ? bytes(data, data + size) : bytes();
}

// ---- database

result<std::unique_ptr<database>> database::open(const std::string& path, std::span<const migration> schema, uint32_t kind,
                                                 opening how) {
    if (how != opening::or_make && ::access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
        return fail(error{error_category::environment,
                          "file_not_found",
                          fmt::format("there is no store {}: berth masa init and berth registrar init make one. If it was lost, "
                                      "restore it from a backup (its -wal file belongs to it); a new one would know of nothing",
                                      path),
                          {{"path", path}}});
    }
    if (how == opening::to_look || how == opening::to_read) {
        BERTH_TRY(db, open_to_look(path, schema, kind));
        BERTH_TRY(version, db->number("PRAGMA user_version"));
        const bool newest = schema.empty() || version == schema.back().version;
        return newest || how == opening::to_look ? result<std::unique_ptr<database>>(std::move(db))
                                                 : open(path, schema, kind, opening::existing);
    }
    // Made by us first, so that it is 0600 from its first octet; -wal and -shm take the same mode.
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail(to_error(nullptr, SQLITE_CANTOPEN).during(path));
    }
    ::close(fd);
    sqlite3* raw = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    std::unique_ptr<database> db(new database(raw));
    if (code != SQLITE_OK) {
        return fail(to_error(raw, code).during(path));
    }
    sqlite3_extended_result_codes(raw, 0);
    sqlite3_busy_timeout(raw, busy_milliseconds);
    if (auto ready = db->check_and_migrate(schema, path, kind, how); !ready) {
        return fail(std::move(ready).error().during(path));
    }
    return db;
}

namespace {

// A file: URI for SQLite, in which these have a meaning of their own.
std::string uri_of(const std::string& path, const char* how) {
    std::string out = "file:";
    for (const char c : path) {
        out += c == '%' ? "%25" : c == '?' ? "%3f" : c == '#' ? "%23" : std::string(1, c);
    }
    return out + how;
}

// Octets of the -wal file, without which what waits in it would not be seen; nothing when there is none.
std::optional<off_t> wal_size(const std::string& path) {
    struct stat wal{};
    return ::stat((path + "-wal").c_str(), &wal) == 0 ? std::optional(wal.st_size) : std::nullopt;
}

}  // namespace

result<std::unique_ptr<database>> database::open_to_look(const std::string& path, std::span<const migration> schema,
                                                         uint32_t kind) {
    const auto attempt = [&](const char* how) -> result<std::unique_ptr<database>> {
        sqlite3* raw = nullptr;
        const int code = sqlite3_open_v2(uri_of(path, how).c_str(), &raw,
                                         SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, nullptr);
        std::unique_ptr<database> db(new database(raw));
        if (code != SQLITE_OK) {
            return fail(to_error(raw, code));
        }
        sqlite3_extended_result_codes(raw, 0);
        sqlite3_busy_timeout(raw, busy_milliseconds);
        BERTH_CHECK(db->execute("PRAGMA trusted_schema=OFF; PRAGMA query_only=ON"));
        BERTH_CHECK(db->check_contents());
        BERTH_CHECK(db->check_kind(schema, path, kind, opening::to_look));
        return db;
    };
    // Without a -wal file nobody has it open, and all there is stands in the file itself. With one, its reader takes part, and
    // makes a file beside it; where it cannot, nobody writes either.
    const auto wal = wal_size(path);
    auto db = attempt(wal ? "?mode=ro" : "?immutable=1");
    if (!db && db.error().is("store_not_writable") && wal == 0) {
        db = attempt("?immutable=1");
    }
    if (!db) {
        return fail(std::move(db).error().during(path));
    }
    return db;
}

database::~database() {
    for (const auto& [sql, stmt] : statements_) {
        sqlite3_finalize(stmt);
    }
    sqlite3_close(db_);
}

result<int64_t> database::number(const char* pragma) {
    BERTH_TRY(read, prepare(pragma));
    BERTH_TRY(row, read.step());
    return row ? read.integer(0) : 0;
}

result<void> database::check_contents() {
    BERTH_TRY(check, prepare("PRAGMA quick_check(1)"));
    BERTH_TRY(row, check.step());
    return row && check.text(0) == "ok" ? result<void>{} : fail(to_error(nullptr, SQLITE_CORRUPT));
}

result<void> database::check_kind(std::span<const migration> schema, const std::string& path, uint32_t kind, opening how) {
    BERTH_TRY(version, number("PRAGMA user_version"));
    BERTH_TRY(marked, number("PRAGMA application_id"));
    if (kind != 0 && marked != 0 && marked != kind) {
        return fail(error{error_category::usage,
                          "wrong_store",
                          fmt::format("{} is a store of another kind: a MASA and a registrar have one each", path),
                          {{"path", path}}});
    }
    if (!schema.empty() && version > schema.back().version) {
        return fail(error_category::environment, "store_too_new",
                    fmt::format("{} was written by a later version of Berth (schema {}); use that version", path, version));
    }
    if (how != opening::or_make && version == 0) {
        return fail(error{error_category::environment,
                          "corrupt_store",
                          fmt::format("{} holds no records at all; restore it from a backup (its -wal file belongs to it)", path),
                          {{"path", path}}});
    }
    return {};
}

result<void> database::check_and_migrate(std::span<const migration> schema, const std::string& path, uint32_t kind, opening how) {
    // FULL: a commit is on the disk before anything that depends on it is sent.
    BERTH_CHECK(execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF"));
    BERTH_CHECK(check_contents());
    return transaction([&]() -> result<void> {
        BERTH_CHECK(check_kind(schema, path, kind, how));
        BERTH_TRY(version, number("PRAGMA user_version"));
        BERTH_TRY(marked, number("PRAGMA application_id"));
        if (kind != 0 && marked == 0) {
            BERTH_CHECK(execute(fmt::format("PRAGMA application_id={}", kind).c_str()));
        }
        for (const auto& m : schema) {
            if (m.version > version) {
                BERTH_CHECK(execute(m.sql));
                BERTH_CHECK(execute(fmt::format("PRAGMA user_version={}", m.version).c_str()));
            }
        }
        return {};
    });
}

result<statement> database::prepare(const char* sql) {
    const auto found = statements_.find(sql);
    if (found != statements_.end()) {
        return statement(db_, found->second);
    }
    sqlite3_stmt* stmt = nullptr;
    const int code = sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, nullptr);
    if (code != SQLITE_OK) {
        return fail(to_error(db_, code));
    }
    statements_[sql] = stmt;  // sql is a literal: its address names it
    return statement(db_, stmt);
}

result<void> database::execute(const char* sql) {
    const int code = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) {
        return fail(to_error(db_, code));
    }
    return {};
}

int database::changes() const {
    return sqlite3_changes(db_);
}

result<int64_t> database::data_version() {
    BERTH_TRY(read, prepare("PRAGMA data_version"));
    BERTH_TRY(row, read.step());
    return row ? read.integer(0) : 0;
}

result<void> database::begin() {
    BERTH_CHECK(execute(depth_ == 0 ? "BEGIN IMMEDIATE" : "SAVEPOINT nested"));
    ++depth_;
    return {};
}

result<void> database::commit() {
    --depth_;
    auto done = execute(depth_ == 0 ? "COMMIT" : "RELEASE nested");
    if (!done) {
        ++depth_;
        rollback();
    }
    return done;
}

void database::rollback() {
    --depth_;
    // SQLite may have rolled back by itself (disk full): then these report that there is nothing to do.
    (void)execute(depth_ == 0 ? "ROLLBACK" : "ROLLBACK TO nested; RELEASE nested");
}

result<void> database::begin_batch() {
    return depth_ == 0 ? begin() : result<void>{};
}

result<void> database::end_batch() {
    if (depth_ != 1) {
        return {};
    }
    BERTH_FAULT_POINT("store.before_commit");
    auto done = commit();
    BERTH_FAULT_POINT("store.after_commit");
    return done;
}

}  // namespace berth::store

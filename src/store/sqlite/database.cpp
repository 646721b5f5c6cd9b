#include "store/sqlite/database.h"

#include "store/fault_point.h"

#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>

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

// ---- quiet_file

quiet_file::state quiet_file::look() const {
    state out;
    struct stat file{};
    if (::stat(path_.c_str(), &file) == 0) {
        out.device = file.st_dev;
        out.number = file.st_ino;
        out.octets = file.st_size;
        out.seconds = file.st_mtim.tv_sec;
        out.nanoseconds = file.st_mtim.tv_nsec;
    }
    struct stat wal{};
    out.waiting = ::stat((path_ + "-wal").c_str(), &wal) == 0 ? wal.st_size : 0;
    return out;
}

quiet_file::quiet_file(std::string path) : path_(std::move(path)), found_(look()) {
    // Two writes within one tick of the kernel's clock leave the same time: one that was just written is looked at later.
    constexpr int64_t tick = 20'000'000;
    for (int tries = 0; tries < 10; ++tries) {
        timespec now{};
        ::clock_gettime(CLOCK_REALTIME, &now);
        const int64_t age = (now.tv_sec - found_.seconds) * 1'000'000'000 + now.tv_nsec - found_.nanoseconds;
        if (now.tv_sec - found_.seconds > 1 || age < 0 || age > tick) {
            return;
        }
        const timespec pause{0, tick};
        ::nanosleep(&pause, nullptr);
        found_ = look();
    }
}

result<void> quiet_file::check() const {
    return look() == found_ ? result<void>{}
                            : fail(error_category::environment, "store_busy",
                                   "the database was written while it was read without being able to say so in its directory; "
                                   "try again, or as somebody who may write there");
}

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
    if (quiet_) {
        BERTH_CHECK(quiet_->check());  // whatever came of it
    }
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
        BERTH_TRY(db, open_to_look(path, schema, kind, how));
        BERTH_TRY(version, db->number("PRAGMA user_version"));
        const bool readable = std::ranges::none_of(schema, [&](const auto& m) { return m.version > version && m.for_readers; });
        if (how == opening::to_read && !readable) {
            return fail(
                error{error_category::environment,
                      "store_too_old",
                      fmt::format("{} was written by an earlier version of Berth (schema {}), and is not changed by being "
                                  "read: start this version's berthd, which brings it up to date, or use that version",
                                  path, version),
                      {{"path", path}}});
        }
        return db;
    }
    // Made by us first, so that it is 0600 from its first octet; -wal and -shm take the same mode.
    // Only where there is none: closing any descriptor of a file gives up all locks that this process has on it (POSIX), those of
    // a connection that is open already among them. Another process that is done would then take itself for the last, and
    // take the -wal file away: whoever stays would never see again what others write.
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno != EEXIST) {
        return fail(to_error(nullptr, SQLITE_CANTOPEN).during(path));
    }
    if (fd >= 0) {
        ::close(fd);
    }
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

// Where the file itself is: SQLite keeps the others beside it, and not beside a link.
std::string real_path(const std::string& path) {
    const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
    return real ? real.get() : path;
}

enum class companion : uint8_t { none, empty, filled };

companion wal_of(const std::string& path) {
    struct stat wal{};
    return ::stat((path + "-wal").c_str(), &wal) != 0 ? companion::none : wal.st_size == 0 ? companion::empty : companion::filled;
}

bool directory_writable(const std::string& path) {
    const size_t slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    return ::faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
}

}  // namespace

result<std::unique_ptr<database>> database::open_to_look(const std::string& path, std::span<const migration> schema,
                                                         uint32_t kind, opening how_much) {
    const std::string real = real_path(path);
    const auto attempt = [&](const char* how, bool quiet) -> result<std::unique_ptr<database>> {
        sqlite3* raw = nullptr;
        // Before the first octet is read.
        std::optional<quiet_file> as_found;
        if (quiet) {
            as_found.emplace(real);
        }
        const int code = sqlite3_open_v2(uri_of(real, how).c_str(), &raw,
                                         SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, nullptr);
        std::unique_ptr<database> db(new database(raw));
        if (code != SQLITE_OK) {
            return fail(to_error(raw, code));
        }
        db->quiet_ = std::move(as_found);
        sqlite3_extended_result_codes(raw, 0);
        sqlite3_busy_timeout(raw, busy_milliseconds);
        BERTH_CHECK(db->execute("PRAGMA trusted_schema=OFF; PRAGMA query_only=ON"));
        BERTH_CHECK(db->check_contents());
        BERTH_CHECK(db->check_kind(schema, path, kind, opening::to_look));
        return db;
    };
    // A reader takes part, with files beside the store, like everybody who has it open. Where it can make none, and there are
    // none, what stands in the store itself is all, until somebody opens it who may write: so long it is read without.
    // Who looks for a moment makes no files where there are none.
    const bool no_trace = how_much == opening::to_look && wal_of(real) == companion::none;
    auto db = no_trace ? attempt("?immutable=1", true) : attempt("?mode=ro", false);
    if (no_trace && !db && db.error().is("store_busy")) {
        db = attempt("?mode=ro", false);
    }
    if (!db && db.error().is("store_not_writable") && !directory_writable(real)) {
        if (wal_of(real) == companion::filled) {
            return fail(error{error_category::environment,
                              "store_not_writable",
                              fmt::format("{} has a -wal file with records in it, which cannot be read where nothing can be "
                                          "written: copy both to where you may write, and read them there",
                                          path),
                              {{"path", path}}});
        }
        db = attempt("?immutable=1", true);
    }
    if (!db) {
        return fail(std::move(db).error().during(path));
    }
    return db;
}

database::database(sqlite3* db) : db_(db) {
    if (db_) {
        // SQLite rolls back by itself, too (disk full).
        sqlite3_rollback_hook(db_, [](void* moment) { ++*static_cast<uint64_t*>(moment); }, &moment_);
    }
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
    if (how != opening::again) {
        BERTH_CHECK(check_contents());
    }
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
        return statement(db_, found->second, quiet_ ? &*quiet_ : nullptr);
    }
    sqlite3_stmt* stmt = nullptr;
    const int code = sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, nullptr);
    if (code != SQLITE_OK) {
        return fail(to_error(db_, code));
    }
    statements_[sql] = stmt;  // sql is a literal: its address names it
    return statement(db_, stmt, quiet_ ? &*quiet_ : nullptr);
}

result<void> database::execute(const char* sql) {
    const int code = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) {
        return fail(to_error(db_, code));
    }
    return {};
}

result<void> database::run(const char* sql) {
    BERTH_TRY(kept, prepare(sql));
    return kept.run();
}

uint64_t database::moment() const {
    return sqlite3_get_autocommit(db_) != 0 ? 0 : moment_;
}

int database::changes() const {
    return sqlite3_changes(db_);
}

result<int64_t> database::data_version() {
    BERTH_TRY(read, prepare("PRAGMA data_version"));
    BERTH_TRY(row, read.step());
    return row ? read.integer(0) : 0;
}

void database::set_patience(int milliseconds) {
    sqlite3_busy_timeout(db_, milliseconds);
}

result<void> database::begin() {
    // A savepoint outside a transaction would be one of its own, and kept by itself.
    if (depth_ > 0 && sqlite3_get_autocommit(db_) != 0) {
        return fail(error_category::environment, "store_failed",
                    "SQLite has given up the transaction that this belongs to; nothing of it is kept");
    }
    BERTH_CHECK(run(depth_ == 0 ? "BEGIN IMMEDIATE" : "SAVEPOINT nested"));
    moment_ += depth_ == 0 ? 1 : 0;
    ++depth_;
    return {};
}

result<void> database::commit() {
    --depth_;
    auto done = run(depth_ == 0 ? "COMMIT" : "RELEASE nested");
    if (!done) {
        ++depth_;
        rollback();
    }
    return done;
}

void database::rollback() {
    --depth_;
    ++moment_;
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

// SQLite behind a small face: statements, transactions that nest, errors that say what to do. One thread per object;
// several processes may have the same file open (WAL).
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

struct sqlite3;
struct sqlite3_stmt;

namespace berth::store {

// A file that is read without locks, because nobody can be writing it: as it was when it was opened.
class quiet_file {
public:
    explicit quiet_file(std::string path);
    // Error `store_busy`: somebody has written it since, or is about to.
    [[nodiscard]] result<void> check() const;

private:
    struct state {
        uint64_t device = 0, number = 0;
        int64_t octets = -1, seconds = 0, nanoseconds = 0, waiting = 0;  // waiting: octets of the -wal file
        bool operator==(const state&) const = default;
    };
    [[nodiscard]] state look() const;

    std::string path_;
    state found_;
};

// A prepared statement being run; resets itself when it goes. Parameters are bound in the order of the ?s.
class statement {
public:
    statement(sqlite3* db, sqlite3_stmt* stmt, const quiet_file* quiet = nullptr) : db_(db), stmt_(stmt), quiet_(quiet) {}
    statement(statement&& other) noexcept
        : db_(other.db_), stmt_(std::exchange(other.stmt_, nullptr)), quiet_(other.quiet_), next_(other.next_) {}
    statement(const statement&) = delete;
    statement& operator=(const statement&) = delete;
    ~statement();

    statement& bind(int64_t value);
    statement& bind(std::string_view text);
    statement& bind(bytes_view blob);
    template <size_t N>
    statement& bind(const std::array<uint8_t, N>& blob) {
        return bind(bytes_view(blob));
    }

    // True: a row is there. False: done. Errors store_busy, disk_full, corrupt_store, store_failed, constraint_violated.
    result<bool> step();
    // Runs to the end, ignoring rows.
    result<void> run();

    [[nodiscard]] int64_t integer(int column) const;
    [[nodiscard]] std::string text(int column) const;
    [[nodiscard]] bytes blob(int column) const;
    template <size_t N>
    [[nodiscard]] std::array<uint8_t, N> array(int column) const {
        const bytes value = blob(column);
        std::array<uint8_t, N> out{};
        std::copy_n(value.begin(), std::min(N, value.size()), out.begin());
        return out;
    }

private:
    sqlite3* db_;
    sqlite3_stmt* stmt_;
    const quiet_file* quiet_;  // looked at again before each row is handed out
    int next_ = 1;
};

// or_make: a new one where there is none. existing: error `file_not_found`, and `corrupt_store` of a file that holds nothing.
// to_look: as existing, and nothing is written or migrated, neither the file nor its directory need be writable, and a write
// later is `store_not_writable`. to_read: as to_look, and a store whose schema is too early to be read is `store_too_old`: a
// berthd of its version may be at work on it. again: as existing, by a program that has it open already and has looked through
// all of it then (which takes long where there is much): its contents are not checked another time.
enum class opening : uint8_t { or_make, existing, to_look, to_read, again };

class database {
public:
    // Opens or makes the file (0600), checks it, and migrates it to `schema`'s newest version. Errors corrupt_store,
    // store_too_new (made by a later Berth), store_failed.
    struct migration {
        int version;
        const char* sql;
        bool for_readers = true;  // who only reads needs it, too
    };
    // `kind` marks the file (application_id), so that no other store is ever changed into one of this kind; 0: any. Error
    // also `wrong_store`.
    static result<std::unique_ptr<database>> open(const std::string& path, std::span<const migration> schema, uint32_t kind = 0,
                                                  opening how = opening::or_make);
    ~database();
    database(const database&) = delete;
    database& operator=(const database&) = delete;

    // A cached statement, ready to be bound.
    result<statement> prepare(const char* sql);
    result<void> execute(const char* sql);
    [[nodiscard]] int changes() const;
    // Changes when another connection has committed.
    result<int64_t> data_version();
    // How long a write waits for another process's before it is `store_busy`. Default: ten seconds.
    void set_patience(int milliseconds);

    // Runs `work` in a transaction: BEGIN IMMEDIATE at the top, a savepoint inside another. Rolls back when `work` fails.
    template <class F>
    auto transaction(const F& work) -> decltype(work()) {
        if (auto begun = begin(); !begun) {
            return fail(std::move(begun).error());
        }
        auto out = work();
        if (!out) {
            rollback();
            return out;
        }
        if (auto committed = commit(); !committed) {
            return fail(std::move(committed).error());
        }
        return out;
    }

    // Runs `work`, all of whose writing is its last statement, with nobody else writing between what it reads and that. What is
    // one statement SQLite undoes by itself: inside another transaction nothing has to be done for it.
    template <class F>
    auto locked(const F& work) -> decltype(work()) {
        return depth_ > 0 ? work() : transaction(work);
    }

    // Names the transaction that is open, so that what was read in it can be remembered: it is another one as soon as anything
    // that was written in it is undone. Nothing is open: 0.
    [[nodiscard]] uint64_t moment() const;

    // Runs `work`, which only reads, on the records as they are at one moment, whatever others commit meanwhile.
    template <class F>
    auto at_one_moment(const F& work) -> decltype(work()) {
        if (depth_ > 0) {
            return work();
        }
        if (auto begun = execute("BEGIN"); !begun) {
            return fail(std::move(begun).error());
        }
        ++depth_;
        ++moment_;
        auto out = work();
        rollback();  // of nothing
        return out;
    }

    // A batch: everything until end_batch() is one commit, so that one fsync serves all that one turn of the event loop did.
    // Nothing that depends on it may be sent before end_batch() has returned.
    result<void> begin_batch();
    result<void> end_batch();

private:
    explicit database(sqlite3* db);
    // As execute(), of one statement that is kept.
    result<void> run(const char* sql);
    result<void> begin();
    result<void> commit();
    void rollback();
    static result<std::unique_ptr<database>> open_to_look(const std::string& path, std::span<const migration> schema,
                                                          uint32_t kind, opening how);
    result<int64_t> number(const char* pragma);
    result<void> check_contents();
    result<void> check_kind(std::span<const migration> schema, const std::string& path, uint32_t kind, opening how);
    result<void> check_and_migrate(std::span<const migration> schema, const std::string& path, uint32_t kind, opening how);

    sqlite3* db_;
    std::optional<quiet_file> quiet_;
    int depth_ = 0;
    uint64_t moment_ = 0;
    std::unordered_map<const char*, sqlite3_stmt*> statements_;
};

}  // namespace berth::store

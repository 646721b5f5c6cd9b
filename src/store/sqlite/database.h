// SQLite behind a small face: statements, transactions that nest, errors that say what to do. One thread per object;
// several processes may have the same file open (WAL).
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <algorithm>
#include <memory>
#include <string>
#include <unordered_map>

struct sqlite3;
struct sqlite3_stmt;

namespace berth::store {

// A prepared statement being run; resets itself when it goes. Parameters are bound in the order of the ?s.
class statement {
public:
    statement(sqlite3* db, sqlite3_stmt* stmt) : db_(db), stmt_(stmt) {}
    statement(statement&& other) noexcept : db_(other.db_), stmt_(std::exchange(other.stmt_, nullptr)), next_(other.next_) {}
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
    int next_ = 1;
};

// or_make: a new one where there is none. existing: error `file_not_found`, and `corrupt_store` of a file that holds nothing.
// to_look: as existing, and nothing is written or migrated, neither the file nor its directory need be writable, and a write
// later is `store_not_writable`. to_read: as to_look, but a store of an earlier schema is migrated first, which needs both.
enum class opening : uint8_t { or_make, existing, to_look, to_read };

class database {
public:
    // Opens or makes the file (0600), checks it, and migrates it to `schema`'s newest version. Errors corrupt_store,
    // store_too_new (made by a later Berth), store_failed.
    struct migration {
        int version;
        const char* sql;
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

    // A batch: everything until end_batch() is one commit, so that one fsync serves all that one turn of the event loop did.
    // Nothing that depends on it may be sent before end_batch() has returned.
    result<void> begin_batch();
    result<void> end_batch();

private:
    explicit database(sqlite3* db) : db_(db) {}
    result<void> begin();
    result<void> commit();
    void rollback();
    static result<std::unique_ptr<database>> open_to_look(const std::string& path, std::span<const migration> schema,
                                                          uint32_t kind);
    result<int64_t> number(const char* pragma);
    result<void> check_contents();
    result<void> check_kind(std::span<const migration> schema, const std::string& path, uint32_t kind, opening how);
    result<void> check_and_migrate(std::span<const migration> schema, const std::string& path, uint32_t kind, opening how);

    sqlite3* db_;
    int depth_ = 0;
    std::unordered_map<const char*, sqlite3_stmt*> statements_;
};

}  // namespace berth::store

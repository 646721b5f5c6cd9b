#include "store/sqlite/peer_store.h"

#include "base/wipe.h"
#include "pki/private_key_file.h"
#include "store/fault_point.h"

#include <fstream>

namespace berth::store {

using namespace messaging;

namespace {

constexpr uint32_t peer_kind = 0x42505231;  // "BPR1"

constexpr const char* peers_1 = R"sql(
CREATE TABLE peer (
    id        TEXT PRIMARY KEY,
    document  BLOB NOT NULL,
    next_out  INTEGER NOT NULL,
    highest   INTEGER NOT NULL,
    seen      INTEGER NOT NULL,
    lost      INTEGER NOT NULL DEFAULT 0,
    challenge TEXT NOT NULL DEFAULT '',
    resync_at INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE peer_key (kid TEXT PRIMARY KEY, peer TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX peer_key_peer ON peer_key (peer);
CREATE TABLE taken (
    peer     TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    id       TEXT NOT NULL,
    answer   TEXT NOT NULL,
    PRIMARY KEY (peer, sequence)
) WITHOUT ROWID;
CREATE TABLE outbox (
    peer       TEXT NOT NULL,
    sequence   INTEGER NOT NULL,
    id         TEXT NOT NULL,
    kind       TEXT NOT NULL,
    body       TEXT NOT NULL,
    by_session INTEGER NOT NULL,
    token      TEXT NOT NULL,
    tried      INTEGER NOT NULL,
    unread     INTEGER NOT NULL,
    queued_at  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (peer, sequence)
) WITHOUT ROWID;
CREATE TABLE mark (one INTEGER PRIMARY KEY CHECK (one = 1), value TEXT NOT NULL);
)sql";

constexpr database::migration steps[] = {{1, peers_1}};

}  // namespace

result<std::unique_ptr<sqlite_peer_store>> sqlite_peer_store::open(const std::string& path, opening how) {
    BERTH_TRY(db, database::open(path, steps, peer_kind, how));
    return std::unique_ptr<sqlite_peer_store>(new sqlite_peer_store(std::move(db), path));
}

result<bool> sqlite_peer_store::check_mark(random_source& random) {
    const std::string file = path_ + ".mark";
    std::string beside, within;
    {
        std::ifstream in(file);
        std::getline(in, beside);
        BERTH_TRY(row, db_->prepare("SELECT value FROM mark"));
        BERTH_TRY(there, row.step());
        within = there ? row.text(0) : "";
    }
    // A file that was never marked has nothing to have lost.
    const bool lost = beside != within;
    const std::string fresh = to_hex(random.octets<16>());
    const auto kept = db_->transaction([&]() -> result<void> {
        if (lost) {
            auto marked = mark_all_lost();
            if (!marked) {
                return marked;
            }
        }
        auto write = db_->prepare("INSERT OR REPLACE INTO mark VALUES (1, ?)");
        return write ? write->bind(fresh).run() : result<void>(fail(write.error()));
    });
    BERTH_CHECK(kept);
    // If the process ends here the next one takes this file for a backup: a challenge too many, and no harm.
    BERTH_CHECK(pki::write_file_atomically(file, as_bytes(fresh + "\n"), 0600));
    return lost;
}

result<void> sqlite_peer_store::together(const std::function<result<void>()>& work) {
    auto out = db_->transaction(work);
    BERTH_FAULT_POINT("peers-committed");
    return out;
}

result<std::vector<peer_record>> sqlite_peer_store::read(const char* sql, const std::string* argument) {
    BERTH_TRY(rows, db_->prepare(sql));
    if (argument != nullptr) {
        rows.bind(*argument);
    }
    std::vector<peer_record> out;
    for (;;) {
        BERTH_TRY(row, rows.step());
        if (!row) {
            return out;
        }
        bytes document = rows.blob(0);
        auto record = from_document(document);
        wipe(document);
        if (!record) {
            return fail(std::move(record).error());
        }
        record->next_out = static_cast<uint64_t>(rows.integer(1));
        record->in.highest = static_cast<uint64_t>(rows.integer(2));
        record->in.seen = static_cast<uint64_t>(rows.integer(3));
        record->lost = rows.integer(4) != 0;
        record->challenge = rows.text(5);
        record->resync_at = rows.integer(6);
        out.push_back(std::move(*record));
    }
}

#define BERTH_PEER_COLUMNS "SELECT document, next_out, highest, seen, lost, challenge, resync_at FROM peer"

result<std::vector<peer_record>> sqlite_peer_store::list() {
    return read(BERTH_PEER_COLUMNS " ORDER BY id", nullptr);
}

result<std::optional<peer_record>> sqlite_peer_store::find(const std::string& id) {
    BERTH_TRY(found, read(BERTH_PEER_COLUMNS " WHERE id = ?", &id));
    return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

result<std::optional<peer_record>> sqlite_peer_store::find_by_key(const std::string& kid) {
    BERTH_TRY(found, read(BERTH_PEER_COLUMNS " WHERE id = (SELECT peer FROM peer_key WHERE kid = ?)", &kid));
    return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

result<void> sqlite_peer_store::put(const peer_record& r) {
    return db_->transaction([&]() -> result<void> {
        {
            BERTH_TRY(write, db_->prepare("INSERT INTO peer VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
                                          "document = excluded.document"));
            const auto document = to_document(r);
            BERTH_CHECK(write.bind(r.id)
                            .bind(document.reveal())
                            .bind(static_cast<int64_t>(r.next_out))
                            .bind(static_cast<int64_t>(r.in.highest))
                            .bind(static_cast<int64_t>(r.in.seen))
                            .bind(int64_t{r.lost})
                            .bind(r.challenge)
                            .bind(r.resync_at)
                            .run());
        }
        BERTH_CHECK(put_numbers(r));
        BERTH_TRY(clear, db_->prepare("DELETE FROM peer_key WHERE peer = ?"));
        BERTH_CHECK(clear.bind(r.id).run());
        for (const auto* kid :
             {&r.own.kid, &r.own_next.kid, &r.own_previous.kid, &r.session.id, &r.session_next.id, &r.session_previous.id}) {
            if (!kid->empty()) {
                BERTH_TRY(key, db_->prepare("INSERT INTO peer_key VALUES (?, ?)"));
                BERTH_CHECK(key.bind(*kid).bind(r.id).run());
            }
        }
        return {};
    });
}

result<bool> sqlite_peer_store::remove(const std::string& id) {
    bool there = false;
    const auto kept = db_->transaction([&]() -> result<void> {
        for (const char* sql : {"DELETE FROM peer_key WHERE peer = ?", "DELETE FROM taken WHERE peer = ?",
                                "DELETE FROM outbox WHERE peer = ?", "DELETE FROM peer WHERE id = ?"}) {
            BERTH_TRY(write, db_->prepare(sql));
            BERTH_CHECK(write.bind(id).run());
            there = db_->changes() > 0;
        }
        return {};
    });
    BERTH_CHECK(kept);
    return there;
}

result<void> sqlite_peer_store::put_numbers(const peer_record& r) {
    BERTH_TRY(write, db_->prepare("UPDATE peer SET next_out = ?, highest = ?, seen = ?, lost = ?, challenge = ?, resync_at = ? "
                                  "WHERE id = ?"));
    return write.bind(static_cast<int64_t>(r.next_out))
        .bind(static_cast<int64_t>(r.in.highest))
        .bind(static_cast<int64_t>(r.in.seen))
        .bind(int64_t{r.lost})
        .bind(r.challenge)
        .bind(r.resync_at)
        .bind(r.id)
        .run();
}

result<void> sqlite_peer_store::mark_all_lost() {
    return db_->execute("UPDATE peer SET lost = 1");
}

result<std::optional<taken_message>> sqlite_peer_store::find_taken(const std::string& peer, uint64_t sequence) {
    BERTH_TRY(row, db_->prepare("SELECT id, answer FROM taken WHERE peer = ? AND sequence = ?"));
    BERTH_TRY(there, row.bind(peer).bind(static_cast<int64_t>(sequence)).step());
    if (!there) {
        return std::nullopt;
    }
    return taken_message{peer, sequence, row.text(0), row.text(1)};
}

result<void> sqlite_peer_store::put_taken(const taken_message& m) {
    BERTH_TRY(write, db_->prepare("INSERT OR REPLACE INTO taken VALUES (?, ?, ?, ?)"));
    return write.bind(m.peer).bind(static_cast<int64_t>(m.sequence)).bind(m.id).bind(m.answer).run();
}

result<void> sqlite_peer_store::forget_taken(const std::string& peer, uint64_t below) {
    BERTH_TRY(write, db_->prepare("DELETE FROM taken WHERE peer = ? AND sequence < ?"));
    return write.bind(peer).bind(static_cast<int64_t>(below)).run();
}

result<std::vector<queued_message>> sqlite_peer_store::queued(const std::string& peer) {
    BERTH_TRY(rows, db_->prepare("SELECT sequence, id, kind, body, by_session, token, tried, unread, queued_at, expires_at FROM "
                                 "outbox WHERE peer = ? ORDER BY sequence"));
    rows.bind(peer);
    std::vector<queued_message> out;
    for (;;) {
        BERTH_TRY(row, rows.step());
        if (!row) {
            return out;
        }
        queued_message m;
        m.peer = peer;
        m.sequence = static_cast<uint64_t>(rows.integer(0));
        m.id = rows.text(1);
        m.kind = rows.text(2);
        m.body = rows.text(3);
        m.by_session = rows.integer(4) != 0;
        m.token = rows.text(5);
        m.tried = rows.integer(6) != 0;
        m.unread = rows.integer(7) != 0;
        m.queued_at = rows.integer(8);
        m.expires_at = rows.integer(9);
        out.push_back(std::move(m));
    }
}

result<void> sqlite_peer_store::queue(const queued_message& m) {
    BERTH_TRY(write, db_->prepare("INSERT OR REPLACE INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    return write.bind(m.peer)
        .bind(static_cast<int64_t>(m.sequence))
        .bind(m.id)
        .bind(m.kind)
        .bind(m.body)
        .bind(int64_t{m.by_session})
        .bind(m.token)
        .bind(int64_t{m.tried})
        .bind(int64_t{m.unread})
        .bind(m.queued_at)
        .bind(m.expires_at)
        .run();
}

result<bool> sqlite_peer_store::unqueue(const std::string& peer, uint64_t sequence) {
    BERTH_TRY(write, db_->prepare("DELETE FROM outbox WHERE peer = ? AND sequence = ?"));
    BERTH_CHECK(write.bind(peer).bind(static_cast<int64_t>(sequence)).run());
    return db_->changes() > 0;
}

}  // namespace berth::store

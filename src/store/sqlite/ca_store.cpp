// The issuance log, lists, approvals and tokens. What ends certificates is in ca_revocation.cpp.
#include "store/sqlite/ca_store.h"

#include "ca/log.h"
#include "store/sqlite/migrations.h"

namespace berth::store {

using namespace ca;

namespace {

constexpr uint32_t ca_kind = 0x42454341;  // "BECA"
// Which fields an entry's hash covers. In entries of form 1 the origins are what the migration has worked out.
constexpr int64_t form_with_origins = 2;

#define ISSUED_COLUMNS                                                                                                           \
    "number, issuer, serial, certificate, subject, maker_root, device, profile, requester, proofs, proof_issuer, proof_anchor, " \
    "batch, epoch, shard, at, not_before, not_after, previous, hash, form, origins"

#define LIST_WHERE(first)                                                                                        \
    "SELECT " ISSUED_COLUMNS " FROM issued WHERE " first                                                         \
    " AND number > ?1 AND (?2 = x'' OR issuer = ?2) AND (?3 = x'' OR serial = ?3) AND (?4 = '' OR device = ?4) " \
    "AND (?5 = '' OR batch = ?5) ORDER BY number LIMIT ?6"

issuance to_issuance(const statement& row) {
    issuance out;
    out.number = static_cast<uint64_t>(row.integer(0));
    out.issuer = row.array<32>(1);
    out.serial = row.blob(2);
    out.certificate = row.blob(3);
    out.subject = row.text(4);
    out.device = {row.array<32>(5), row.text(6)};
    out.profile = row.text(7);
    out.requester = row.text(8);
    out.proofs = row.text(9);
    out.proof_issuer = row.array<32>(10);
    out.proof_anchor = row.array<32>(11);
    out.batch = row.text(12);
    out.epoch = static_cast<uint32_t>(row.integer(13));
    out.shard = static_cast<uint32_t>(row.integer(14));
    out.at = row.integer(15);
    out.not_before = row.integer(16);
    out.not_after = row.integer(17);
    out.previous = row.array<32>(18);
    out.hash = row.array<32>(19);
    out.tells_origins = row.integer(20) >= form_with_origins;
    return out;
}

pending_request to_pending(const statement& row) {
    pending_request out;
    out.id = row.array<32>(0);
    out.profile = row.text(1);
    out.requester = row.text(2);
    out.proofs = row.text(3);
    out.device = {row.array<32>(4), row.text(5)};
    out.request = row.blob(6);
    out.at = row.integer(7);
    out.state = static_cast<decision>(row.integer(8));
    out.decided_by = row.text(9);
    out.decided_at = row.integer(10);
    return out;
}

int64_t column_of(std::optional<uint32_t> shard) {
    return shard ? int64_t{*shard} : -1;
}

}  // namespace

result<std::unique_ptr<sqlite_ca_store>> sqlite_ca_store::open(const std::string& path, opening how) {
    BERTH_TRY(db, database::open(path, ca_schema(), ca_kind, how));
    return std::unique_ptr<sqlite_ca_store>(new sqlite_ca_store(std::move(db)));
}

// ---- the log

result<uint64_t> sqlite_ca_store::reserve(const key_hash& issuer) {
    return db_->locked([&]() -> result<uint64_t> {
        std::optional<uint64_t> value;
        {
            BERTH_TRY(next, db_->prepare("SELECT value FROM sequence WHERE issuer = ?"));
            BERTH_TRY(row, next.bind(issuer).step());
            if (row) {
                value = static_cast<uint64_t>(next.integer(0));
            }
        }
        BERTH_TRY(write, db_->prepare(value ? "UPDATE sequence SET value = value + 1 WHERE issuer = ?"
                                            : "INSERT INTO sequence VALUES (?, 1)"));
        BERTH_CHECK(write.bind(issuer).run());
        return value.value_or(0);
    });
}

result<sqlite_ca_store::log_end> sqlite_ca_store::end_of_log() {
    const uint64_t now = db_->moment();
    if (now == 0 || now != end_read_at_) {
        BERTH_TRY(last, db_->prepare("SELECT number, hash, at FROM issued ORDER BY number DESC LIMIT 1"));
        BERTH_TRY(row, last.step());
        end_ = row ? log_end{static_cast<uint64_t>(last.integer(0)), last.array<32>(1), last.integer(2)} : log_end{};
        end_read_at_ = now;
    }
    return end_;
}

result<uint64_t> sqlite_ca_store::append(const issuance& given) {
    issuance entry = given;
    entry.origins = origins_of(entry);
    entry.tells_origins = true;
    BERTH_TRY(known, find_origins(entry.origins));
    const auto serial_is_there = [&]() -> result<bool> {
        BERTH_TRY(there, db_->prepare("SELECT 1 FROM issued WHERE issuer = ? AND serial = ?"));
        return there.bind(entry.issuer).bind(entry.serial).step();
    };
    const auto write_entry = [&]() -> result<uint64_t> {
        BERTH_TRY(last, end_of_log());
        entry.number = last.number + 1;
        entry.previous = last.hash;
        int64_t origins = 0;
        if (known) {
            origins = *known;
        } else {
            BERTH_TRY(noted, note_origins(entry.origins));
            origins = noted;
        }
        entry.hash = hash_of(entry, entry.previous);
        BERTH_TRY(write, db_->prepare("INSERT INTO issued (" ISSUED_COLUMNS
                                      ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
        auto written = write.bind(static_cast<int64_t>(entry.number))
                           .bind(entry.issuer)
                           .bind(entry.serial)
                           .bind(entry.certificate)
                           .bind(entry.subject)
                           .bind(entry.device.maker_root)
                           .bind(entry.device.serial)
                           .bind(entry.profile)
                           .bind(entry.requester)
                           .bind(entry.proofs)
                           .bind(entry.proof_issuer)
                           .bind(entry.proof_anchor)
                           .bind(entry.batch)
                           .bind(int64_t{entry.epoch})
                           .bind(int64_t{entry.shard})
                           .bind(entry.at)
                           .bind(entry.not_before)
                           .bind(entry.not_after)
                           .bind(entry.previous)
                           .bind(entry.hash)
                           .bind(form_with_origins)
                           .bind(origins)
                           .run();
        if (!written) {
            // The index of serial numbers refuses what is there; which rule it was that refused, it does not say in a way to
            // rely on.
            BERTH_TRY(there, written.error().is("constraint_violated") ? serial_is_there() : result<bool>(false));
            if (there) {
                return fail(error{error_category::environment, "serial_exists",
                                  "a certificate with this serial number was issued before: " + to_hex(entry.serial)}
                                .with("serial", to_hex(entry.serial)));
            }
            return fail(std::move(written).error());
        }
        end_ = {entry.number, entry.hash, entry.at};
        end_read_at_ = db_->moment();
        return entry.number;
    };
    // Origins that are new are written along with the entry, or not at all.
    return known ? db_->locked(write_entry) : db_->transaction(write_entry);
}

namespace {

std::string members_of(const std::vector<key_hash>& origins) {
    std::string out;
    for (const key_hash& ca : origins) {
        out += to_hex(ca);
    }
    return out;
}

}  // namespace

result<std::optional<int64_t>> sqlite_ca_store::find_origins(const std::vector<key_hash>& origins) {
    if (origins.empty()) {
        return int64_t{0};
    }
    BERTH_TRY(find, db_->prepare("SELECT id FROM origin_set WHERE members = ?"));
    BERTH_TRY(row, find.bind(std::string_view(members_of(origins))).step());
    return row ? std::optional(find.integer(0)) : std::nullopt;
}

// Devices of one maker that are onboarded in one way all have the same origins: each set is there once.
result<int64_t> sqlite_ca_store::note_origins(const std::vector<key_hash>& origins) {
    BERTH_TRY(known, find_origins(origins));
    if (known) {
        return *known;
    }
    {
        BERTH_TRY(write, db_->prepare("INSERT INTO origin_set (members) VALUES (?)"));
        BERTH_CHECK(write.bind(std::string_view(members_of(origins))).run());
    }
    BERTH_TRY(made, find_origins(origins));
    if (!made) {
        return fail(error_category::environment, "store_failed", "the origins of a certificate were not kept");
    }
    for (const key_hash& ca : origins) {
        BERTH_TRY(write, db_->prepare("INSERT INTO origin_member VALUES (?, ?)"));
        BERTH_CHECK(write.bind(ca).bind(*made).run());
    }
    return *made;
}

result<std::vector<key_hash>> sqlite_ca_store::origins_noted(int64_t id) {
    std::vector<key_hash> out;
    if (id == 0) {
        return out;
    }
    BERTH_TRY(read, db_->prepare("SELECT members FROM origin_set WHERE id = ?"));
    BERTH_TRY(row, read.bind(id).step());
    const auto members = from_hex(row ? read.text(0) : "");
    if (!members || members->empty() || members->size() % 32 != 0) {
        return fail(error_category::environment, "corrupt_store", "the origins of a certificate are not in the log any more");
    }
    for (bytes_view rest(*members); !rest.empty(); rest = rest.subspan(32)) {
        out.push_back(to_array<32>(rest.first(32)));
    }
    return out;
}

result<std::optional<issuance>> sqlite_ca_store::find(const key_hash& issuer, bytes_view serial) {
    BERTH_TRY(read, db_->prepare("SELECT " ISSUED_COLUMNS " FROM issued WHERE issuer = ? AND serial = ?"));
    BERTH_TRY(row, read.bind(issuer).bind(serial).step());
    if (!row) {
        return std::nullopt;
    }
    auto out = to_issuance(read);
    BERTH_TRY(origins, origins_noted(read.integer(21)));
    out.origins = std::move(origins);
    return out;
}

result<std::vector<issuance>> sqlite_ca_store::list(const log_query& query) {
    // An empty blob or text stands for any: no CA, serial, device or batch is called so. The first condition finds the index.
    constexpr const char* by_serial = LIST_WHERE("serial = ?3");
    constexpr const char* by_device = LIST_WHERE("device = ?4 AND device <> ''");
    constexpr const char* by_batch = LIST_WHERE("batch = ?5 AND batch <> ''");
    constexpr const char* by_number = LIST_WHERE("number > ?1");
    BERTH_TRY(read, db_->prepare(query.serial && query.issuer ? by_serial
                                 : query.device               ? by_device
                                 : query.batch                ? by_batch
                                                              : by_number));
    read.bind(static_cast<int64_t>(query.after))
        .bind(query.issuer ? bytes_view(*query.issuer) : bytes_view())
        .bind(query.serial ? bytes_view(*query.serial) : bytes_view())
        .bind(std::string_view(query.device ? *query.device : ""))
        .bind(std::string_view(query.batch ? *query.batch : ""))
        .bind(static_cast<int64_t>(query.most));
    std::vector<issuance> out;
    std::map<int64_t, std::vector<key_hash>> known;
    for (;;) {
        BERTH_TRY(row, read.step());
        if (!row) {
            return out;
        }
        out.push_back(to_issuance(read));
        const int64_t id = read.integer(21);
        if (!known.contains(id)) {
            BERTH_TRY(origins, origins_noted(id));
            known.emplace(id, std::move(origins));
        }
        out.back().origins = known.at(id);
    }
}

result<unix_seconds> sqlite_ca_store::newest() {
    BERTH_TRY(last, end_of_log());
    return last.at;
}

// ---- lists

result<uint64_t> sqlite_ca_store::note_crl(const crl_record& list, uint64_t at_least) {
    return db_->transaction([&]() -> result<uint64_t> {
        uint64_t number = std::max<uint64_t>(at_least, 1);
        {
            BERTH_TRY(last, db_->prepare("SELECT max(number) FROM crl WHERE issuer = ? AND shard = ?"));
            BERTH_TRY(row, last.bind(list.issuer).bind(column_of(list.shard)).step());
            number = std::max(number, row ? static_cast<uint64_t>(last.integer(0)) + 1 : 1);
        }
        BERTH_TRY(write, db_->prepare("INSERT INTO crl VALUES (?, ?, ?, ?, ?, ?, ?, ?)"));
        BERTH_CHECK(write.bind(list.issuer)
                        .bind(column_of(list.shard))
                        .bind(static_cast<int64_t>(number))
                        .bind(int64_t{list.delta ? 1 : 0})
                        .bind(static_cast<int64_t>(list.base))
                        .bind(list.this_update)
                        .bind(list.next_update)
                        .bind(static_cast<int64_t>(list.entries))
                        .run());
        return number;
    });
}

result<std::optional<crl_record>> sqlite_ca_store::last_crl(const key_hash& issuer, std::optional<uint32_t> shard, bool delta) {
    BERTH_TRY(read, db_->prepare("SELECT number, base, this_update, next_update, entries FROM crl WHERE issuer = ? AND shard = ? "
                                 "AND delta = ? ORDER BY number DESC LIMIT 1"));
    BERTH_TRY(row, read.bind(issuer).bind(column_of(shard)).bind(int64_t{delta ? 1 : 0}).step());
    if (!row) {
        return std::nullopt;
    }
    return crl_record{issuer,
                      shard,
                      delta,
                      static_cast<uint64_t>(read.integer(0)),
                      static_cast<uint64_t>(read.integer(1)),
                      read.integer(2),
                      read.integer(3),
                      static_cast<uint64_t>(read.integer(4))};
}

// ---- approvals

namespace {
constexpr int64_t most_waiting = 16;  // of one requester
}

#define PENDING_COLUMNS "id, profile, requester, proofs, maker_root, device, request, at, state, decided_by, decided_at"

result<std::optional<pending_request>> sqlite_ca_store::find_pending(const std::array<uint8_t, 32>& id) {
    BERTH_TRY(read, db_->prepare("SELECT " PENDING_COLUMNS " FROM pending WHERE id = ?"));
    BERTH_TRY(row, read.bind(id).step());
    return row ? std::optional(to_pending(read)) : std::nullopt;
}

result<pending_request> sqlite_ca_store::ask(const pending_request& request) {
    return db_->transaction([&]() -> result<pending_request> {
        BERTH_TRY(known, find_pending(request.id));
        if (known) {
            return *known;
        }
        // Whoever may ask may not fill the records with what nobody will ever decide.
        {
            BERTH_TRY(others, db_->prepare("SELECT count(*) FROM pending WHERE state = 0 AND device = ? AND requester = ? AND "
                                           "maker_root = ?"));
            BERTH_TRY(row, others.bind(std::string_view(request.device.serial))
                               .bind(std::string_view(request.requester))
                               .bind(request.device.maker_root)
                               .step());
            if (row && others.integer(0) >= most_waiting) {
                return fail(error{error_category::peer,
                                  "too_many_requests",
                                  "As many requests as anybody may have wait already; come again when they are decided.",
                                  {{"status", "429"}}});
            }
        }
        BERTH_TRY(write, db_->prepare("INSERT INTO pending (" PENDING_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, '', 0)"));
        BERTH_CHECK(write.bind(request.id)
                        .bind(request.profile)
                        .bind(request.requester)
                        .bind(request.proofs)
                        .bind(request.device.maker_root)
                        .bind(request.device.serial)
                        .bind(request.request)
                        .bind(request.at)
                        .run());
        pending_request out = request;
        out.state = decision::waiting;
        out.decided_by.clear();
        out.decided_at = 0;
        return out;
    });
}

result<pending_request> sqlite_ca_store::decide(const std::array<uint8_t, 32>& id, decision d, const std::string& by,
                                                unix_seconds now) {
    return db_->transaction([&]() -> result<pending_request> {
        BERTH_TRY(known, find_pending(id));
        if (!known) {
            return fail(error_category::usage, "unknown_request", "no such request waits, or ever has");
        }
        // What was approved is issued once; all else is decided once.
        const bool in_order = d == decision::issued ? known->state == decision::approved : known->state == decision::waiting;
        if (!in_order || d == decision::waiting) {
            return fail(error{error_category::usage, "already_decided",
                              "this request is " + std::string(to_string(known->state)) + " since " +
                                  to_iso8601(known->decided_at) + ", by " + known->decided_by}
                            .with("state", std::string(to_string(known->state))));
        }
        known->state = d;
        known->decided_by = by;
        known->decided_at = now;
        BERTH_TRY(write, db_->prepare("UPDATE pending SET state = ?, decided_by = ?, decided_at = ? WHERE id = ?"));
        BERTH_CHECK(write.bind(static_cast<int64_t>(d)).bind(std::string_view(by)).bind(now).bind(id).run());
        return *known;
    });
}

result<std::vector<pending_request>> sqlite_ca_store::waiting() {
    BERTH_TRY(read, db_->prepare("SELECT " PENDING_COLUMNS " FROM pending WHERE state = 0 ORDER BY at"));
    std::vector<pending_request> out;
    for (;;) {
        BERTH_TRY(row, read.step());
        if (!row) {
            return out;
        }
        out.push_back(to_pending(read));
    }
}

// ---- tokens

result<void> sqlite_ca_store::add_token(const one_time_token& token) {
    BERTH_TRY(write, db_->prepare("INSERT INTO token VALUES (?, ?, ?, ?, 0) ON CONFLICT DO NOTHING"));
    BERTH_CHECK(write.bind(token.hash)
                    .bind(std::string_view(token.identity))
                    .bind(std::string_view(token.profile))
                    .bind(token.expires_at)
                    .run());
    return db_->changes() > 0 ? result<void>{}
                              : fail(error_category::usage, "token_exists", "this token was given out before; draw another");
}

namespace {

// Error: why it lets nobody in.
result<void> require_good(const one_time_token& token, unix_seconds now) {
    if (token.used_at != 0) {
        return fail(error_category::peer, "token_used", "the token was used at " + to_iso8601(token.used_at));
    }
    if (token.expires_at < now) {
        return fail(error_category::peer, "token_expired", "the token was good until " + to_iso8601(token.expires_at));
    }
    return {};
}

}  // namespace

result<one_time_token> sqlite_ca_store::read_token(const std::array<uint8_t, 32>& hash) {
    BERTH_TRY(read, db_->prepare("SELECT identity, profile, expires_at, used_at FROM token WHERE hash = ?"));
    BERTH_TRY(row, read.bind(hash).step());
    if (!row) {
        return fail(error_category::peer, "token_unknown", "nobody was given such a token");
    }
    return one_time_token{hash, read.text(0), read.text(1), read.integer(2), read.integer(3)};
}

result<one_time_token> sqlite_ca_store::find_token(const std::array<uint8_t, 32>& hash, unix_seconds now) {
    BERTH_TRY(out, read_token(hash));
    BERTH_CHECK(require_good(out, now));
    return out;
}

result<one_time_token> sqlite_ca_store::use_token(const std::array<uint8_t, 32>& hash, const std::string& identity,
                                                  unix_seconds now) {
    return db_->transaction([&]() -> result<one_time_token> {
        BERTH_TRY(out, read_token(hash));
        // Whose it is comes first: of another's token nobody learns whether it was used.
        if (out.identity != identity) {
            return fail(error_category::peer, "token_of_another", "the token was given to another identity than " + identity);
        }
        BERTH_CHECK(require_good(out, now));
        out.used_at = now;
        BERTH_TRY(write, db_->prepare("UPDATE token SET used_at = ? WHERE hash = ?"));
        BERTH_CHECK(write.bind(now).bind(hash).run());
        return out;
    });
}

}  // namespace berth::store

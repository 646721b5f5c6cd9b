#include "store/sqlite/certificate_statuses.h"

#include <limits>

namespace berth::store {

using namespace registry;

namespace {

// So seldom it is written that somebody is here still.
constexpr unix_seconds sighting = 600;
// Due when its holder comes again.
constexpr unix_seconds at_rest = std::numeric_limits<unix_seconds>::max();

std::optional<pki::ocsp_state> state_from(std::string_view text) {
    for (const auto state : {pki::ocsp_state::good, pki::ocsp_state::revoked, pki::ocsp_state::unknown}) {
        if (pki::to_string(state) == text) {
            return state;
        }
    }
    return std::nullopt;
}

}  // namespace

result<std::optional<ocsp_rule>> certificate_statuses::rule_of(const registered_ca& ca) {
    BERTH_TRY(read, db_.prepare(
                        "SELECT responder, required, refresh FROM authority_ocsp JOIN authority ON id = authority WHERE name = ? "
                        "AND sha256 = ?"));
    BERTH_TRY(row, read.bind(ca.name).bind(ca.certificate.sha256()).step());
    return row ? std::optional(ocsp_rule{read.text(0), read.integer(1) != 0, read.integer(2)}) : std::nullopt;
}

result<void> certificate_statuses::set_rule(const registered_ca& ca, const std::optional<ocsp_rule>& rule) {
    return db_.transaction([&]() -> result<void> {
        if (!rule) {
            BERTH_TRY(drop,
                      db_.prepare("DELETE FROM authority_ocsp WHERE authority = (SELECT id FROM authority WHERE name = ? AND "
                                  "sha256 = ?)"));
            BERTH_CHECK(drop.bind(ca.name).bind(ca.certificate.sha256()).run());
            return hub_.count("trust", 1);
        }
        BERTH_CHECK(check_ocsp_rule(*rule));
        BERTH_TRY(write, db_.prepare(
                             "INSERT INTO authority_ocsp SELECT id, ?3, ?4, ?5 FROM authority WHERE name = ?1 AND sha256 = ?2 ON "
                             "CONFLICT (authority) DO UPDATE SET responder = ?3, required = ?4, refresh = ?5"));
        BERTH_CHECK(write.bind(ca.name)
                        .bind(ca.certificate.sha256())
                        .bind(rule->responder)
                        .bind(int64_t{rule->required})
                        .bind(rule->refresh)
                        .run());
        if (db_.changes() == 0) {
            return hub_.changed_meanwhile(ca.name);
        }
        // Another pace, or another responder: it is asked at once.
        BERTH_TRY(at_once, db_.prepare("UPDATE certificate_status SET due = 0 WHERE issuer = ?"));
        BERTH_CHECK(at_once.bind(ca.certificate.spki_sha256()).run());
        return hub_.count("trust", 1);
    });
}

result<std::optional<certificate_status>> certificate_statuses::find(const certificate_id& which) {
    BERTH_TRY(read,
              db_.prepare("SELECT state, revoked_at, reason, this_update, until FROM certificate_status WHERE issuer = ? AND "
                          "serial = ?"));
    BERTH_TRY(row, read.bind(which.issuer_key).bind(bytes_view(which.serial)).step());
    const auto state = row ? state_from(read.text(0)) : std::nullopt;
    if (!state) {
        return std::nullopt;
    }
    certificate_status out;
    out.state = *state;
    out.revoked_at = read.integer(1);
    out.reason = static_cast<pki::revocation_reason>(read.integer(2));
    out.this_update = read.integer(3);
    out.until = read.integer(4);
    return out;
}

result<void> certificate_statuses::want(const wish& one, unix_seconds now) {
    const auto& which = one.which;
    return db_.transaction([&]() -> result<void> {
        if (one.der.empty()) {
            BERTH_TRY(seen, db_.prepare("UPDATE certificate_status SET wanted = ?3, due = CASE WHEN due = ?5 THEN 0 ELSE due END "
                                        "WHERE issuer = ?1 AND serial = ?2 AND wanted < ?4"));
            return seen.bind(which.issuer_key).bind(bytes_view(which.serial)).bind(now).bind(now - sighting).bind(at_rest).run();
        }
        BERTH_TRY(write, db_.prepare("INSERT INTO certificate_status (issuer, serial, certificate, wanted, due, ends, holder) "
                                     "VALUES (?1, ?2, ?3, ?4, 0, ?6, ?7) ON CONFLICT (issuer, serial) DO UPDATE SET wanted = ?4, "
                                     "due = CASE WHEN due = ?8 THEN 0 ELSE due END, ends = ?6, holder = ?7 WHERE wanted < ?5"));
        BERTH_CHECK(write.bind(which.issuer_key)
                        .bind(bytes_view(which.serial))
                        .bind(bytes_view(one.der))
                        .bind(now)
                        .bind(now - sighting)
                        .bind(one.ends)
                        .bind(one.holder)
                        .bind(at_rest)
                        .run());
        if (one.holder.empty() || db_.changes() == 0) {
            return {};
        }
        // Who was revoked stays so.
        BERTH_TRY(drop, db_.prepare("DELETE FROM certificate_status WHERE holder = ?1 AND ending = 0 AND NOT (issuer = ?2 AND "
                                    "serial = ?3) AND (issuer, serial) NOT IN (SELECT issuer, serial FROM certificate_status "
                                    "WHERE holder = ?1 AND NOT (issuer = ?2 AND serial = ?3) ORDER BY wanted DESC LIMIT ?4)"));
        return drop.bind(one.holder)
            .bind(which.issuer_key)
            .bind(bytes_view(which.serial))
            .bind(static_cast<int64_t>(most_of_one - 1))
            .run();
    });
}

result<uint64_t> certificate_statuses::endings() {
    BERTH_TRY(value, hub_.counted("ocsp"));
    return static_cast<uint64_t>(value);
}

result<std::vector<certificate_id>> certificate_statuses::ended_since(uint64_t ending) {
    BERTH_TRY(rows, db_.prepare("SELECT issuer, serial FROM certificate_status WHERE ending > ? AND ending <> 0"));
    rows.bind(static_cast<int64_t>(ending));
    std::vector<certificate_id> out;
    for (;;) {
        BERTH_TRY(row, rows.step());
        if (!row) {
            return out;
        }
        out.push_back({rows.array<32>(0), rows.blob(1)});
    }
}

result<certificate_statuses::dues> certificate_statuses::due(const std::array<uint8_t, 32>& issuer_key, unix_seconds now,
                                                             unix_seconds seen, size_t most) {
    BERTH_TRY(rows, db_.prepare("SELECT serial, certificate, this_update, wanted, ends FROM certificate_status WHERE issuer = ? "
                                "AND due <= ? ORDER BY due LIMIT ?"));
    rows.bind(issuer_key).bind(now).bind(static_cast<int64_t>(most));
    dues out;
    for (;;) {
        BERTH_TRY(row, rows.step());
        if (!row) {
            return out;
        }
        const unix_seconds ends = rows.integer(4);
        if (rows.integer(3) < seen || (ends != 0 && ends < now)) {
            out.stale = true;
        } else {
            out.questions.push_back({{issuer_key, rows.blob(0)}, rows.blob(1), rows.integer(2)});
        }
    }
}

result<size_t> certificate_statuses::rest(const std::array<uint8_t, 32>& issuer_key, unix_seconds now, unix_seconds seen,
                                          size_t most) {
    size_t resting = 0;
    const auto done = db_.transaction([&]() -> result<void> {
        BERTH_TRY(write, db_.prepare(
                             "UPDATE certificate_status SET due = ?5 WHERE issuer = ?1 AND serial IN (SELECT serial FROM (SELECT "
                             "serial, wanted, ends FROM certificate_status WHERE issuer = ?1 AND due <= ?2 ORDER BY due LIMIT "
                             "?4) WHERE wanted < ?3 OR (ends <> 0 AND ends < ?2))"));
        BERTH_CHECK(write.bind(issuer_key).bind(now).bind(seen).bind(static_cast<int64_t>(most)).bind(at_rest).run());
        resting = static_cast<size_t>(db_.changes());
        return {};
    });
    return done ? result<size_t>(resting) : fail(done.error());
}

result<bool> certificate_statuses::learn(const certificate_id& which, const certificate_status& status, unix_seconds due) {
    bool news = false;
    const auto done = db_.transaction([&]() -> result<void> {
        const bool revoked = status.state == pki::ocsp_state::revoked;
        BERTH_TRY(before, find(which));
        news = revoked && (!before || before->state != pki::ocsp_state::revoked);
        if (news) {
            BERTH_CHECK(hub_.count("ocsp", 1));
        }
        BERTH_TRY(number, endings());
        BERTH_TRY(write,
                  db_.prepare("UPDATE certificate_status SET state = ?3, revoked_at = ?4, reason = ?5, this_update = ?6, until = "
                              "?7, due = ?8, ending = CASE WHEN ?9 = 0 THEN 0 WHEN ?10 <> 0 THEN ?10 ELSE ending END WHERE "
                              "issuer = ?1 AND serial = ?2"));
        return write.bind(which.issuer_key)
            .bind(bytes_view(which.serial))
            .bind(pki::to_string(status.state))
            .bind(status.revoked_at)
            .bind(static_cast<int64_t>(status.reason))
            .bind(status.this_update)
            .bind(status.until)
            .bind(due)
            .bind(int64_t{revoked})
            .bind(news ? static_cast<int64_t>(number) : int64_t{0})
            .run();
    });
    return done ? result<bool>(news) : fail(done.error());
}

result<void> certificate_statuses::put_off(const certificate_id& which, unix_seconds due) {
    return db_.transaction([&]() -> result<void> {
        BERTH_TRY(write, db_.prepare("UPDATE certificate_status SET due = ?3 WHERE issuer = ?1 AND serial = ?2"));
        return write.bind(which.issuer_key).bind(bytes_view(which.serial)).bind(due).run();
    });
}

result<size_t> certificate_statuses::forget(unix_seconds now, unix_seconds seen, size_t most) {
    size_t gone = 0;
    const auto done = db_.transaction([&]() -> result<void> {
        const auto drop = [&](const char* sql, unix_seconds before) -> result<void> {
            BERTH_TRY(write, db_.prepare(sql));
            BERTH_CHECK(write.bind(before).bind(static_cast<int64_t>(most)).run());
            gone += static_cast<size_t>(db_.changes());
            return {};
        };
        BERTH_CHECK(drop("DELETE FROM certificate_status WHERE (issuer, serial) IN (SELECT issuer, serial FROM "
                         "certificate_status WHERE ends <> 0 AND ends < ? LIMIT ?)",
                         now));
        return drop("DELETE FROM certificate_status WHERE (issuer, serial) IN (SELECT issuer, serial FROM certificate_status "
                    "WHERE wanted < ? LIMIT ?)",
                    seen);
    });
    return done ? result<size_t>(gone) : fail(done.error());
}

}  // namespace berth::store

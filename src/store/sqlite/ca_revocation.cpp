// What ends certificates: one by one, by what they have in common, or by their device's epoch.
#include "store/sqlite/ca_store.h"

#include <unordered_set>

namespace berth::store {

using namespace ca;

namespace {

pki::revocation_reason reason_of(int64_t column) {
    return static_cast<pki::revocation_reason>(column);
}

std::optional<withdrawal_kind> kind_named(const std::string& name) {
    for (const auto kind : {withdrawal_kind::batch, withdrawal_kind::device, withdrawal_kind::issuer}) {
        if (to_string(kind) == name) {
            return kind;
        }
    }
    return std::nullopt;
}

// Which entries of the log a withdrawal is about; ?1 is its value, of a device maker's root and serial.
constexpr const char* of_batch =
    "SELECT serial FROM issued WHERE batch = ?1 AND issuer = ?2 AND (?3 < 0 OR shard = ?3) AND not_after >= ?4 AND batch <> ''";
constexpr const char* of_device = "SELECT serial FROM issued WHERE device = ?1 AND issuer = ?2 AND (?3 < 0 OR shard = ?3) "
                                  "AND not_after >= ?4 AND (maker_root = ?5 OR ?5 = zeroblob(32)) AND device <> ''";
constexpr const char* of_origin = "SELECT serial FROM issued WHERE origins IN (SELECT id FROM origin_member WHERE ca = ?1) AND "
                                  "issuer = ?2 AND (?3 < 0 OR shard = ?3) AND not_after >= ?4";
// All that this CA has issued; ?1 is ?2.
constexpr const char* of_issuer =
    "SELECT serial FROM issued WHERE issuer = ?2 AND ?1 = ?2 AND (?3 < 0 OR shard = ?3) AND not_after >= ?4";

constexpr size_t most_remembered = 256;

// Who names a serial alone names every device that has it.
bytes of_nobodys(bytes_view device) {
    return concat({key_hash{}, device.subspan(std::min<size_t>(device.size(), 32))});
}

const char* entries_of(const withdrawal& group, const key_hash& issuer) {
    switch (group.kind) {
    case withdrawal_kind::batch: return of_batch;
    case withdrawal_kind::device: return of_device;
    case withdrawal_kind::issuer: break;
    }
    return same_octets(group.value, issuer) ? of_issuer : of_origin;
}

}  // namespace

result<bool> sqlite_ca_store::revoke(const key_hash& issuer, bytes_view serial, pki::revocation_reason reason, unix_seconds now) {
    return db_->transaction([&]() -> result<bool> {
        int64_t shard = 0;
        int64_t not_after = 0;
        {
            BERTH_TRY(read, db_->prepare("SELECT shard, not_after FROM issued WHERE issuer = ? AND serial = ?"));
            BERTH_TRY(row, read.bind(issuer).bind(serial).step());
            if (!row) {
                return fail(error{error_category::usage, "unknown_certificate",
                                  "no certificate with the serial number " + to_hex(serial) + " was issued here"}
                                .with("serial", to_hex(serial)));
            }
            shard = read.integer(0);
            not_after = read.integer(1);
        }
        BERTH_TRY(write, db_->prepare("INSERT INTO revoked VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"));
        BERTH_CHECK(
            write.bind(issuer).bind(serial).bind(shard).bind(not_after).bind(now).bind(static_cast<int64_t>(reason)).run());
        return db_->changes() > 0;
    });
}

result<bool> sqlite_ca_store::withdraw(const withdrawal& what) {
    issuers_read_at_ = 0;
    BERTH_TRY(write, db_->prepare("INSERT INTO withdrawn VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"));
    BERTH_CHECK(write.bind(to_string(what.kind)).bind(what.value).bind(what.at).bind(static_cast<int64_t>(what.reason)).run());
    return db_->changes() > 0;
}

result<bool> sqlite_ca_store::is_withdrawn(withdrawal_kind kind, bytes_view value) {
    const auto is_there = [&](bytes_view one) -> result<bool> {
        BERTH_TRY(read, db_->prepare("SELECT 1 FROM withdrawn WHERE kind = ? AND value = ?"));
        return read.bind(to_string(kind)).bind(one).step();
    };
    if (kind == withdrawal_kind::issuer) {
        // Of all that are served in one turn, the same few CAs are asked about.
        const uint64_t now = db_->moment();
        if (now == 0 || now != issuers_read_at_) {
            issuers_withdrawn_.clear();
            issuers_read_at_ = now;
        }
        const auto known = issuers_withdrawn_.find(to_bytes(value));
        if (known != issuers_withdrawn_.end()) {
            return known->second;
        }
        BERTH_TRY(found, is_there(value));
        if (issuers_withdrawn_.size() < most_remembered) {
            issuers_withdrawn_.emplace(to_bytes(value), found);
        }
        return found;
    }
    BERTH_TRY(by_name, is_there(value));
    return by_name || kind != withdrawal_kind::device ? result<bool>(by_name) : is_there(of_nobodys(value));
}

result<std::vector<withdrawal>> sqlite_ca_store::withdrawals() {
    BERTH_TRY(read, db_->prepare("SELECT kind, value, at, reason FROM withdrawn ORDER BY at, kind, value"));
    std::vector<withdrawal> out;
    for (;;) {
        BERTH_TRY(row, read.step());
        if (!row) {
            return out;
        }
        if (const auto kind = kind_named(read.text(0))) {
            out.push_back({*kind, read.blob(1), read.integer(2), reason_of(read.integer(3))});
        }
    }
}

// ---- epochs

result<uint32_t> sqlite_ca_store::epoch_of(const device_key& device) {
    const auto newest_of = [&](const key_hash& maker_root) -> result<uint32_t> {
        BERTH_TRY(read, db_->prepare("SELECT epoch FROM epoch WHERE device = ? AND maker_root = ? ORDER BY epoch DESC LIMIT 1"));
        BERTH_TRY(row, read.bind(std::string_view(device.serial)).bind(maker_root).step());
        return row ? static_cast<uint32_t>(read.integer(0)) : 0;
    };
    BERTH_TRY(own, newest_of(device.maker_root));
    if (device.maker_root == key_hash{}) {
        return own;
    }
    BERTH_TRY(nobodys, newest_of({}));
    return std::max(own, nobodys);
}

// A new epoch of a serial alone is one of every device that has it.
result<uint32_t> sqlite_ca_store::newest_epoch(const device_key& device) {
    if (device.maker_root != key_hash{}) {
        return epoch_of(device);
    }
    BERTH_TRY(read, db_->prepare("SELECT max(epoch) FROM epoch WHERE device = ?"));
    BERTH_TRY(row, read.bind(std::string_view(device.serial)).step());
    return row ? static_cast<uint32_t>(read.integer(0)) : 0;
}

result<uint32_t> sqlite_ca_store::raise_epoch(const device_key& device, pki::revocation_reason reason, unix_seconds now) {
    if (device.empty()) {
        return fail(error_category::usage, "bad_arguments", "an epoch is a device's, and none was named");
    }
    return db_->transaction([&]() -> result<uint32_t> {
        BERTH_TRY(current, newest_epoch(device));
        if (current == UINT32_MAX) {
            return fail(error_category::usage, "epochs_exhausted", "this device has had all epochs; end its life instead");
        }
        BERTH_TRY(write, db_->prepare("INSERT INTO epoch VALUES (?, ?, ?, ?, ?)"));
        BERTH_CHECK(write.bind(device.maker_root)
                        .bind(std::string_view(device.serial))
                        .bind(int64_t{current} + 1)
                        .bind(now)
                        .bind(static_cast<int64_t>(reason))
                        .run());
        return current + 1;
    });
}

// ---- what follows for one certificate, and for all

result<certificate_status> sqlite_ca_store::status(const key_hash& issuer, bytes_view serial) {
    certificate_status out;
    {
        BERTH_TRY(read, db_->prepare("SELECT at, reason FROM revoked WHERE issuer = ? AND serial = ?"));
        BERTH_TRY(row, read.bind(issuer).bind(serial).step());
        if (row) {
            return certificate_status{standing::revoked, read.integer(0), reason_of(read.integer(1)), "serial"};
        }
    }
    BERTH_TRY(entry, db_->prepare("SELECT batch, device, maker_root, origins, epoch FROM issued "
                                  "WHERE issuer = ? AND serial = ?"));
    BERTH_TRY(known, entry.bind(issuer).bind(serial).step());
    if (!known) {
        return out;
    }
    out.state = standing::good;
    const device_key device{entry.array<32>(2), entry.text(1)};
    std::vector<std::pair<withdrawal_kind, bytes>> reasons;
    if (!entry.text(0).empty()) {
        reasons.emplace_back(withdrawal_kind::batch, withdrawal::of_batch(entry.text(0)));
    }
    if (!device.empty()) {
        reasons.emplace_back(withdrawal_kind::device, withdrawal::of_device(device));
        reasons.emplace_back(withdrawal_kind::device, withdrawal::of_device({{}, device.serial}));
    }
    // Since the first of all that has ended it.
    const auto ended = [&out](const statement& row, std::string by) {
        if (out.state == standing::good || row.integer(0) < out.at) {
            out = {standing::revoked, row.integer(0), reason_of(row.integer(1)), std::move(by)};
        }
    };
    {
        BERTH_TRY(read,
                  db_->prepare("SELECT at, reason FROM withdrawn w WHERE kind = 'issuer' AND (value = ?1 OR EXISTS (SELECT 1 "
                               "FROM origin_member m WHERE m.ca = w.value AND m.id = ?2)) ORDER BY at LIMIT 1"));
        BERTH_TRY(row, read.bind(issuer).bind(entry.integer(3)).step());
        if (row) {
            ended(read, std::string(to_string(withdrawal_kind::issuer)));
        }
    }
    for (const auto& [kind, value] : reasons) {
        BERTH_TRY(read, db_->prepare("SELECT at, reason FROM withdrawn WHERE kind = ? AND value = ?"));
        BERTH_TRY(row, read.bind(to_string(kind)).bind(value).step());
        if (row) {
            ended(read, std::string(to_string(kind)));
        }
    }
    if (!device.empty()) {
        BERTH_TRY(read,
                  db_->prepare("SELECT at, reason FROM epoch WHERE device = ? AND maker_root IN (?, zeroblob(32)) AND epoch > ? "
                               "ORDER BY epoch LIMIT 1"));
        BERTH_TRY(row, read.bind(std::string_view(device.serial)).bind(device.maker_root).bind(entry.integer(4)).step());
        if (row) {
            ended(read, "epoch");
        }
    }
    return out;
}

result<uint64_t> sqlite_ca_store::count_valid(const key_hash& issuer, const device_key& device, const std::string& profile,
                                              unix_seconds now) {
    std::vector<bytes> serials;
    {
        BERTH_TRY(read, db_->prepare("SELECT serial FROM issued WHERE device = ?1 AND (maker_root IN (?2, zeroblob(32)) OR ?2 = "
                                     "zeroblob(32)) AND device <> '' AND issuer = ?3 AND profile = ?4 AND not_after >= ?5"));
        read.bind(std::string_view(device.serial)).bind(device.maker_root).bind(issuer).bind(std::string_view(profile)).bind(now);
        for (;;) {
            BERTH_TRY(row, read.step());
            if (!row) {
                break;
            }
            serials.push_back(read.blob(0));
        }
    }
    uint64_t out = 0;
    for (const bytes& serial : serials) {
        BERTH_TRY(judged, status(issuer, serial));
        out += judged.state == standing::good ? 1 : 0;
    }
    return out;
}

result<void> sqlite_ca_store::each_revoked(const revocation_query& query,
                                           const std::function<void(const pki::revoked_entry&)>& tell) {
    const int64_t shard = query.shard ? int64_t{*query.shard} : -1;
    BERTH_TRY(groups, withdrawals());
    // Only what ends several at once can name one twice.
    std::unordered_set<std::string> told;
    bool several = !groups.empty();
    {
        BERTH_TRY(read, db_->prepare("SELECT 1 FROM epoch LIMIT 1"));
        BERTH_TRY(row, read.step());
        several = several || row;
    }
    const auto tell_once = [&](pki::revoked_entry entry) {
        if (!several || told.emplace(as_text(entry.serial)).second) {
            tell(entry);
        }
    };
    {
        BERTH_TRY(read, db_->prepare("SELECT serial, at, reason FROM revoked WHERE issuer = ? AND (?2 < 0 OR shard = ?2) "
                                     "AND not_after >= ? AND at >= ?"));
        read.bind(query.issuer).bind(shard).bind(query.expires_after).bind(query.recorded_since);
        for (;;) {
            BERTH_TRY(row, read.step());
            if (!row) {
                break;
            }
            tell_once({read.blob(0), read.integer(1), reason_of(read.integer(2))});
        }
    }
    for (const withdrawal& group : groups) {
        if (group.at < query.recorded_since) {
            continue;
        }
        const bool by_device = group.kind == withdrawal_kind::device;
        BERTH_TRY(read, db_->prepare(entries_of(group, query.issuer)));
        const bytes_view value(group.value);
        if (by_device) {
            read.bind(as_text(value.subspan(32)));
        } else if (group.kind == withdrawal_kind::batch) {
            read.bind(as_text(value));
        } else {
            read.bind(value);
        }
        read.bind(query.issuer).bind(shard).bind(query.expires_after);
        if (by_device) {
            read.bind(value.first(32));
        }
        for (;;) {
            BERTH_TRY(row, read.step());
            if (!row) {
                break;
            }
            tell_once({read.blob(0), group.at, group.reason});
        }
    }
    BERTH_TRY(read, db_->prepare("SELECT i.serial, e.at, e.reason FROM epoch e JOIN issued i ON i.device = e.device AND "
                                 "e.maker_root IN (i.maker_root, zeroblob(32)) AND i.epoch < e.epoch WHERE i.device <> '' AND "
                                 "e.at >= ? AND i.issuer = ? AND (?3 < 0 OR i.shard = ?3) AND i.not_after >= ? AND NOT EXISTS "
                                 "(SELECT 1 FROM epoch f WHERE f.device = e.device AND f.maker_root IN (i.maker_root, "
                                 "zeroblob(32)) AND f.epoch > i.epoch AND f.epoch < e.epoch)"));
    read.bind(query.recorded_since).bind(query.issuer).bind(shard).bind(query.expires_after);
    for (;;) {
        BERTH_TRY(row, read.step());
        if (!row) {
            return {};
        }
        tell_once({read.blob(0), read.integer(1), reason_of(read.integer(2))});
    }
}

result<uint64_t> sqlite_ca_store::endings() {
    BERTH_TRY(read, db_->prepare("SELECT count FROM endings"));
    BERTH_TRY(row, read.step());
    return row ? static_cast<uint64_t>(read.integer(0)) : 0;
}

result<std::vector<uint32_t>> sqlite_ca_store::shards(const key_hash& issuer) {
    // From one to the next, by the index: a shard has many certificates.
    BERTH_TRY(read,
              db_->prepare("WITH RECURSIVE s (x) AS (SELECT min(shard) FROM issued WHERE issuer = ?1 UNION ALL SELECT "
                           "(SELECT min(shard) FROM issued WHERE issuer = ?1 AND shard > s.x) FROM s WHERE s.x IS NOT NULL) "
                           "SELECT x FROM s WHERE x IS NOT NULL"));
    read.bind(issuer);
    std::vector<uint32_t> out;
    for (;;) {
        BERTH_TRY(row, read.step());
        if (!row) {
            return out;
        }
        out.push_back(static_cast<uint32_t>(read.integer(0)));
    }
}

}  // namespace berth::store

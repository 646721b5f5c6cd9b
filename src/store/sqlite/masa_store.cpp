// What the protocol asks of the MASA's records.
#include "store/sqlite/masa_store.h"

#include "base/log.h"
#include "store/fault_point.h"
#include "store/sqlite/migrations.h"
#include "wire/json.h"

namespace berth::store {

using namespace onboarding;

namespace {

// "nonce not used by this device on another KK3 in 24 h"
constexpr unix_seconds nonce_window = 24 * 3600;
constexpr unix_seconds kk3_waits = 600;

}  // namespace

constexpr uint32_t masa_kind = 0x42454d41;  // "BEMA"

result<std::unique_ptr<sqlite_masa_store>> sqlite_masa_store::open(const std::string& path, opening how) {
    BERTH_TRY(db, database::open(path, masa_schema(), masa_kind, how));
    return std::unique_ptr<sqlite_masa_store>(new sqlite_masa_store(std::move(db)));
}

result<uint64_t> sqlite_masa_store::generation(std::string_view name) {
    BERTH_TRY(read, db_->prepare("SELECT value FROM generation WHERE name = ?"));
    BERTH_TRY(row, read.bind(name).step());
    return row ? static_cast<uint64_t>(read.integer(0)) : 0;
}

result<void> sqlite_masa_store::bump(std::string_view generation) {
    BERTH_TRY(write, db_->prepare("UPDATE generation SET value = value + 1 WHERE name = ?"));
    return write.bind(generation).run();
}

result<uint64_t> sqlite_masa_store::trust_generation() {
    return generation("trust");
}

result<uint64_t> sqlite_masa_store::ownership_generation() {
    return generation("ownership");
}

result<void> sqlite_masa_store::require_store_key(const std::array<uint8_t, 32>& check_value, bool keep) {
    const auto judge = [&]() -> result<void> {
        BERTH_TRY(there, db_->prepare("SELECT 1 FROM sqlite_master WHERE name = 'store_key'"));
        BERTH_TRY(known, there.step());
        if (known) {
            BERTH_TRY(read, db_->prepare("SELECT check_value FROM store_key"));
            BERTH_TRY(row, read.step());
            if (row) {
                return read.array<32>(0) == check_value
                           ? result<void>{}
                           : fail(error_category::usage, "wrong_store_key",
                                  "the store key is not the one that this store was written with: put that one back (store_key; "
                                  "berth masa init made both)");
            }
        }
        if (!keep) {
            return {};
        }
        BERTH_TRY(last, last_audit_entry());
        if (last) {
            log::warning(
                "store_key_kept",
                "the store was written by a version that did not note its key: the one that is configured is kept for it "
                "from now on, and every other is wrong_store_key. Make sure that it is the one of its backups");
        }
        BERTH_TRY(write, db_->prepare("INSERT INTO store_key (id, check_value) VALUES (1, ?)"));
        return write.bind(check_value).run();
    };
    return keep ? db_->transaction(judge) : judge();
}

result<std::vector<customer_record>> sqlite_masa_store::customers() {
    BERTH_TRY(read, db_->prepare("SELECT name, root, registrars FROM customer WHERE removed_at = 0 ORDER BY name"));
    std::vector<customer_record> out;
    for (;;) {
        BERTH_TRY(row, read.step());
        if (!row) {
            return out;
        }
        customer_record c{read.text(0), read.blob(1), {}};
        BERTH_TRY(addresses, wire::parse_json(read.text(2)));
        for (const auto& a : addresses.as_array()) {
            c.registrars.emplace_back(a.as_string());
        }
        out.push_back(std::move(c));
    }
}

result<std::vector<hash_field>> sqlite_masa_store::registered_root_keys() {
    BERTH_TRY(read, db_->prepare("SELECT root_spki FROM customer"));
    std::vector<hash_field> out;
    for (;;) {
        BERTH_TRY(row, read.step());
        if (!row) {
            return out;
        }
        out.push_back(read.array<32>(0));
    }
}

// ---- KK3

result<void> sqlite_masa_store::forget_kk3s() {
    return db_->execute("DELETE FROM waiting_kk3");
}

result<void> sqlite_masa_store::put_kk3(const waiting_kk3& kk3) {
    BERTH_FAULT_POINT("masa.before_kk3");
    auto done = db_->transaction([&]() -> result<void> {
        {
            BERTH_TRY(expired, db_->prepare("DELETE FROM waiting_kk3 WHERE expires_at < ? OR (root_spki = ? AND serial = ?)"));
            BERTH_CHECK(expired.bind(kk3.expires_at - kk3_waits).bind(kk3.device.device_root_spki).bind(kk3.device.serial).run());
        }
        BERTH_TRY(write, db_->prepare("INSERT OR REPLACE INTO waiting_kk3 VALUES (?, ?, ?, ?, ?, ?)"));
        return write.bind(kk3.id)
            .bind(kk3.device.device_root_spki)
            .bind(kk3.device.serial)
            .bind(kk3.z3_hash)
            .bind(kk3.sealed_keys)
            .bind(kk3.expires_at)
            .run();
    });
    BERTH_FAULT_POINT("masa.after_kk3");
    return done;
}

result<std::optional<waiting_kk3>> sqlite_masa_store::find_kk3(const kk3_id_field& id, unix_seconds now) {
    BERTH_TRY(read, db_->prepare("SELECT root_spki, serial, z3_hash, sealed_keys, expires_at FROM waiting_kk3 "
                                 "WHERE kk3_id = ? AND expires_at >= ?"));
    BERTH_TRY(row, read.bind(id).bind(now).step());
    if (!row) {
        return std::nullopt;
    }
    return waiting_kk3{id, {read.array<32>(0), read.text(1)}, read.array<32>(2), read.blob(3), read.integer(4)};
}

// ---- authorisation

result<std::optional<stored_authorization>> sqlite_masa_store::find_authorization(const kk3_id_field& id) {
    BERTH_TRY(read, db_->prepare("SELECT bi2_hash, root_spki, serial, z3_hash, customer, bi1, sealed_voucher FROM authorization "
                                 "WHERE kk3_id = ?"));
    BERTH_TRY(row, read.bind(id).step());
    if (!row) {
        return std::nullopt;
    }
    return stored_authorization{
        id, read.array<32>(0), {read.array<32>(1), read.text(2)}, read.array<32>(3), read.text(4), read.blob(5), read.blob(6)};
}

result<bool> sqlite_masa_store::nonce_used(const device_identity& device, const std::array<uint8_t, 32>& nonce,
                                           unix_seconds now) {
    BERTH_TRY(read, db_->prepare("SELECT 1 FROM authorization WHERE root_spki = ? AND serial = ? AND nonce = ? AND at > ?"));
    return read.bind(device.device_root_spki).bind(device.serial).bind(nonce).bind(now - nonce_window).step();
}

result<authorization_outcome> sqlite_masa_store::authorize(const authorization_attempt& attempt) {
    const stored_authorization& answer = attempt.answer;
    BERTH_FAULT_POINT("masa.before_authorize");
    auto done = db_->transaction([&]() -> result<authorization_outcome> {
        authorization_outcome out;
        BERTH_TRY(before, find_authorization(answer.id));
        if (before) {
            const bool same = before->bi2_hash == answer.bi2_hash && before->customer == answer.customer;
            out.verdict = same ? authorization_verdict::stored_before : authorization_verdict::kk3_reused;
            out.stored = std::move(*before);
        } else {
            BERTH_TRY(device, find_device(answer.device));
            out.verdict = registry::judge(device, answer.customer, attempt.now);
        }
        if (out.verdict == authorization_verdict::stored) {
            BERTH_TRY(used, nonce_used(answer.device, attempt.nonce, attempt.now));
            if (used) {
                out.verdict = authorization_verdict::replayed_nonce;
            }
        }
        if (out.verdict == authorization_verdict::stored) {
            BERTH_TRY(write,
                      db_->prepare("INSERT INTO authorization (kk3_id, bi2_hash, root_spki, serial, z3_hash, customer, bi1, "
                                   "sealed_voucher, nonce, at, voucher_expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
            BERTH_CHECK(write.bind(answer.id)
                            .bind(answer.bi2_hash)
                            .bind(answer.device.device_root_spki)
                            .bind(answer.device.serial)
                            .bind(answer.z3_hash)
                            .bind(answer.customer)
                            .bind(answer.bi1)
                            .bind(answer.sealed_voucher)
                            .bind(attempt.nonce)
                            .bind(attempt.now)
                            .bind(attempt.voucher_expires_at)
                            .run());
            // "Nothing sealed leaves before the commit; then the two keys are erased."
            BERTH_TRY(erase, db_->prepare("DELETE FROM waiting_kk3 WHERE kk3_id = ?"));
            BERTH_CHECK(erase.bind(answer.id).run());
        }
        if (out.verdict == authorization_verdict::stored) {
            BERTH_CHECK(audit({attempt.now, "authorized", answer.device, answer.customer, "ok", attempt.log_id}));
        }
        return out;
    });
    BERTH_FAULT_POINT("masa.after_authorize");
    return done;
}

result<authorization_verdict> sqlite_masa_store::check_again(const stored_authorization& stored, const std::string& customer,
                                                             unix_seconds now) {
    BERTH_TRY(device, find_device(stored.device));
    return registry::judge(device, customer, now);
}

result<void> sqlite_masa_store::erase_voucher(const kk3_id_field& id) {
    BERTH_TRY(write, db_->prepare("UPDATE authorization SET sealed_voucher = x'' WHERE kk3_id = ?"));
    return write.bind(id).run();
}

result<bool> sqlite_masa_store::device_known(const device_identity& device) {
    BERTH_TRY(record, find_device(device));
    return record.has_value();
}

result<std::string> sqlite_masa_store::manufacturer_configuration(const device_identity& device) {
    BERTH_TRY(record, find_device(device));
    return record ? record->configuration : std::string();
}

result<std::vector<std::string>> sqlite_masa_store::registrars_of(const device_identity& device, unix_seconds now) {
    BERTH_TRY(record, find_device(device));
    const std::string owner = record && !record->blocked && !record->revoked ? record->owner(now) : std::string();
    BERTH_TRY(all, customers());
    for (auto& customer : all) {
        if (!owner.empty() && customer.name == owner) {
            return std::move(customer.registrars);
        }
    }
    return std::vector<std::string>{};
}

// ---- what follows

result<result_verdict> sqlite_masa_store::store_result(const kk3_id_field& id, const std::string& customer, bool installed,
                                                       const std::string& refusal, unix_seconds now) {
    BERTH_FAULT_POINT("masa.before_result");
    auto done = db_->transaction([&]() -> result<result_verdict> {
        BERTH_TRY(stored, find_authorization(id));
        if (!stored || stored->customer != customer) {
            return result_verdict::unknown;
        }
        {
            BERTH_TRY(read, db_->prepare("SELECT result FROM authorization WHERE kk3_id = ?"));
            BERTH_TRY(row, read.bind(id).step());
            if (row && !read.text(0).empty()) {
                return read.text(0) == "withdrawn" ? result_verdict::withdrawn : result_verdict::acknowledged;  // said before
            }
        }
        BERTH_TRY(device, find_device(stored->device));
        const bool assigned = registry::judge(device, customer, now) == authorization_verdict::stored;
        // "a `result` for a withdrawn assignment is answered `withdrawn`"
        const std::string outcome = !assigned ? "withdrawn" : installed ? "installed" : refusal;
        if (assigned && installed) {
            BERTH_TRY(next, registry::mark_onboarded(*device, customer, now));
            BERTH_CHECK(put_device(next));
        }
        BERTH_TRY(write, db_->prepare("UPDATE authorization SET result = ?, result_at = ? WHERE kk3_id = ?"));
        BERTH_CHECK(write.bind(outcome).bind(now).bind(id).run());
        BERTH_CHECK(audit({now, "result", stored->device, customer, outcome, to_hex(id)}));
        return assigned ? result_verdict::acknowledged : result_verdict::withdrawn;
    });
    BERTH_FAULT_POINT("masa.after_result");
    return done;
}

result<unix_seconds> sqlite_masa_store::vouchers_expire(const device_identity& device) {
    BERTH_TRY(read, db_->prepare(
                        "SELECT max(voucher_expires_at) FROM authorization WHERE root_spki = ? AND serial = ? AND result = ''"));
    BERTH_TRY(row, read.bind(device.device_root_spki).bind(device.serial).step());
    return row ? read.integer(0) : 0;
}

result<release_verdict> sqlite_masa_store::release(const device_identity& device, const std::string& customer,
                                                   const std::string& successor, unix_seconds now) {
    return db_->transaction([&]() -> result<release_verdict> {
        BERTH_TRY(record, find_device(device));
        if (!record) {
            return release_verdict::not_owner;
        }
        BERTH_TRY(expire, vouchers_expire(device));
        auto next = registry::release(*record, customer, successor, now, expire);
        if (!next) {
            return release_verdict::not_owner;
        }
        if (*next == *record) {
            return release_verdict::released;  // said before
        }
        BERTH_TRY(known, customer_known(successor));
        if (!known) {
            return release_verdict::unknown_successor;
        }
        BERTH_CHECK(put_device(*next));
        BERTH_CHECK(bump("ownership"));
        BERTH_CHECK(audit({now, "released", device, customer, "to " + successor, ""}));
        return release_verdict::released;
    });
}

result<bool> sqlite_masa_store::still_assigned(const device_identity& device, const std::string& customer, unix_seconds now) {
    BERTH_TRY(record, find_device(device));
    return registry::judge(record, customer, now) == authorization_verdict::stored;
}

}  // namespace berth::store

// What the customer's operator asks of the registrar's records: devices, approvals, configuration, certificates.
#include "store/sqlite/chain_blob.h"
#include "store/sqlite/registrar_store.h"
#include "wire/json.h"

namespace berth::store {

using namespace onboarding;
using registry::configuration_layer;
using registry::configuration_scope;
using registry::registrar_device;

namespace {

constexpr const char* device_columns =
    "SELECT root_spki, serial, model, firmware, groups, approval, first_seen, last_seen, "
    "onboarded_at, last_result, configuration, "
    "(SELECT count(*) FROM certificate c WHERE c.root_spki = d.root_spki AND c.serial = "
    "d.serial AND c.revoked_at = 0), "
    "(SELECT why FROM certificate c WHERE c.root_spki = d.root_spki AND c.serial = d.serial "
    "ORDER BY c.revoked_at DESC LIMIT 1), integrity, integrity_at, "
    "coalesce((SELECT CASE step WHEN 'decommissioned' THEN at ELSE 0 END FROM life l "
    "WHERE l.root_spki = d.root_spki AND l.serial = d.serial ORDER BY number DESC LIMIT 1), 0) "
    "FROM device d ";

approval approval_from(std::string_view text) {
    return text == "approved"  ? approval::approved
           : text == "denied"  ? approval::denied
           : text == "waiting" ? approval::waiting
                               : approval::unknown;
}

result<std::vector<registrar_device>> read_devices(statement& rows) {
    std::vector<registrar_device> out;
    for (;;) {
        BERTH_TRY(row, rows.step());
        if (!row) {
            return out;
        }
        out.push_back({{rows.array<32>(0), rows.text(1)},
                       rows.text(2),
                       rows.text(3),
                       rows.text(4),
                       approval_from(rows.text(5)),
                       rows.integer(6),
                       rows.integer(7),
                       rows.integer(8),
                       rows.text(9),
                       static_cast<uint64_t>(rows.integer(10)),
                       static_cast<size_t>(rows.integer(11)),
                       rows.integer(11) == 0 ? rows.text(12) : std::string(),
                       rows.text(13),
                       rows.integer(14),
                       rows.integer(15)});
    }
}

}  // namespace

result<std::vector<registrar_device>> sqlite_registrar_store::list_devices(size_t most, const device_identity& after) {
    static const std::string sql =
        std::string(device_columns) + "WHERE (serial, root_spki) > (?, ?) ORDER BY serial, root_spki LIMIT ?";
    BERTH_TRY(read, db_->prepare(sql.c_str()));
    read.bind(after.serial).bind(after.device_root_spki).bind(static_cast<int64_t>(most));
    return read_devices(read);
}

result<std::vector<registrar_device>> sqlite_registrar_store::find_serial(const std::string& serial) {
    static const std::string sql = std::string(device_columns) + "WHERE serial = ? ORDER BY root_spki";
    BERTH_TRY(read, db_->prepare(sql.c_str()));
    read.bind(serial);
    return read_devices(read);
}

result<void> sqlite_registrar_store::decide(const device_identity& device, bool approved, unix_seconds now) {
    return db_->transaction([&]() -> result<void> {
        BERTH_TRY(ended, is_decommissioned(device));
        if (ended && approved) {
            return fail(
                error{error_category::usage, "decommissioned",
                      fmt::format("{} was decommissioned here: berth registrar recommission takes it back", device.serial)}
                    .with("serial", device.serial));
        }
        return set_approval(device, approved ? "approved" : "denied", now);
    });
}

// Part of a transaction.
result<void> sqlite_registrar_store::set_approval(const device_identity& device, std::string_view approval, unix_seconds now) {
    // A device may be approved before it was ever seen.
    BERTH_TRY(write, db_->prepare("INSERT INTO device (root_spki, serial, z3_hash, first_seen, last_seen, approval) "
                                  "VALUES (?1, ?2, zeroblob(32), ?3, ?3, ?4) "
                                  "ON CONFLICT (root_spki, serial) DO UPDATE SET approval = ?4"));
    BERTH_CHECK(write.bind(device.device_root_spki).bind(device.serial).bind(now).bind(approval).run());
    return db_->execute("UPDATE generation SET value = value + 1 WHERE name = 'decision'");
}

result<void> sqlite_registrar_store::set_group(const device_identity& device, const std::string& group, unix_seconds now) {
    return db_->transaction([&]() -> result<void> {
        // As with approvals: the operator may know a device before it was ever seen.
        {
            BERTH_TRY(make, db_->prepare("INSERT OR IGNORE INTO device (root_spki, serial, z3_hash, first_seen, last_seen) "
                                         "VALUES (?1, ?2, zeroblob(32), ?3, ?3)"));
            BERTH_CHECK(make.bind(device.device_root_spki).bind(device.serial).bind(now).run());
        }
        BERTH_TRY(write, db_->prepare("UPDATE device SET groups = ?1 WHERE root_spki = ?2 AND serial = ?3 AND groups <> ?1"));
        BERTH_CHECK(write.bind(group).bind(device.device_root_spki).bind(device.serial).run());
        return db_->changes() == 0 ? result<void>{} : layers_changed(device);
    });
}

// The device's configuration is put together from other layers than before. Their versions may all be older than the one that
// it has, and the content is another all the same: it gets a version of its own.
result<void> sqlite_registrar_store::layers_changed(const device_identity& device) {
    BERTH_CHECK(db_->execute("UPDATE generation SET value = value + 1 WHERE name = 'configuration'"));
    BERTH_TRY(write, db_->prepare("UPDATE device SET layers_version = (SELECT value FROM generation WHERE name = "
                                  "'configuration') WHERE root_spki = ? AND serial = ?"));
    return write.bind(device.device_root_spki).bind(device.serial).run();
}

result<uint64_t> sqlite_registrar_store::revocation_generation() {
    BERTH_TRY(read, db_->prepare("SELECT value FROM generation WHERE name = 'revocation'"));
    BERTH_TRY(row, read.step());
    return row ? static_cast<uint64_t>(read.integer(0)) : 0;
}

result<uint64_t> sqlite_registrar_store::waiting_for_approval() {
    BERTH_TRY(read, db_->prepare("SELECT count(*) FROM device WHERE approval = 'waiting'"));
    BERTH_TRY(row, read.step());
    return row ? static_cast<uint64_t>(read.integer(0)) : 0;
}

result<uint64_t> sqlite_registrar_store::decision_generation() {
    BERTH_TRY(read, db_->prepare("SELECT value FROM generation WHERE name = 'decision'"));
    BERTH_TRY(row, read.step());
    return row ? static_cast<uint64_t>(read.integer(0)) : 0;
}

result<uint64_t> sqlite_registrar_store::set_configuration(configuration_scope scope, const std::string& name,
                                                           const std::string& json, unix_seconds now) {
    BERTH_CHECK(wire::parse_json_object(json, 65535));
    return db_->transaction([&]() -> result<uint64_t> {
        BERTH_CHECK(db_->execute("UPDATE generation SET value = value + 1 WHERE name = 'configuration'"));
        uint64_t version = 0;
        {
            BERTH_TRY(read, db_->prepare("SELECT value FROM generation WHERE name = 'configuration'"));
            BERTH_TRY(row, read.step());
            version = row ? static_cast<uint64_t>(read.integer(0)) : 1;
        }
        BERTH_TRY(write, db_->prepare("INSERT INTO configuration VALUES (?, ?, ?, ?, ?)"));
        BERTH_CHECK(
            write.bind(static_cast<int64_t>(scope)).bind(name).bind(static_cast<int64_t>(version)).bind(json).bind(now).run());
        return version;
    });
}

result<std::vector<configuration_layer>> sqlite_registrar_store::configurations() {
    BERTH_TRY(read,
              db_->prepare("SELECT scope, name, version, json, set_at FROM configuration c WHERE version = (SELECT max(version) "
                           "FROM configuration WHERE scope = c.scope AND name = c.name) ORDER BY scope, name"));
    std::vector<configuration_layer> out;
    for (;;) {
        BERTH_TRY(row, read.step());
        if (!row) {
            return out;
        }
        out.push_back({static_cast<configuration_scope>(read.integer(0)), read.text(1), static_cast<uint64_t>(read.integer(2)),
                       read.text(3), read.integer(4)});
    }
}

result<std::vector<issued_certificate>> sqlite_registrar_store::certificates_of(const device_identity& device) {
    BERTH_TRY(read,
              db_->prepare("SELECT name, profile, kind, spki_hash, chain, not_before, not_after, revoked_at FROM certificate "
                           "WHERE root_spki = ? AND serial = ? ORDER BY issued_at, name"));
    read.bind(device.device_root_spki).bind(device.serial);
    std::vector<issued_certificate> out;
    for (;;) {
        BERTH_TRY(row, read.step());
        if (!row) {
            return out;
        }
        BERTH_TRY(chain, unpack_chain(read.blob(4)));
        out.push_back({device, read.text(0), read.text(1), static_cast<credential_kind>(read.integer(2)), read.array<32>(3),
                       std::move(chain), read.integer(5), read.integer(6), read.integer(7) != 0});
    }
}

result<size_t> sqlite_registrar_store::revoke_certificates(const device_identity& device, const std::string& why,
                                                           unix_seconds now) {
    return db_->transaction([&]() -> result<size_t> {
        BERTH_TRY(revoke,
                  db_->prepare("UPDATE certificate SET revoked_at = ?, why = ? WHERE revoked_at = 0 AND root_spki = ? AND "
                               "serial = ?"));
        BERTH_CHECK(revoke.bind(now).bind(why).bind(device.device_root_spki).bind(device.serial).run());
        const auto revoked = static_cast<size_t>(db_->changes());
        if (revoked > 0) {
            BERTH_CHECK(db_->execute("UPDATE generation SET value = value + 1 WHERE name = 'revocation'"));
        }
        return revoked;
    });
}

result<std::vector<registry::registrar_registry::revoked_certificate>>
sqlite_registrar_store::revoked_certificates(unix_seconds now) {
    BERTH_TRY(read, db_->prepare("SELECT x509_serial, revoked_at, why FROM certificate WHERE revoked_at > 0 AND not_after > ?"));
    read.bind(now);
    std::vector<revoked_certificate> out;
    for (;;) {
        BERTH_TRY(row, read.step());
        if (!row) {
            return out;
        }
        out.push_back({read.blob(0), read.integer(1), read.text(2)});
    }
}

}  // namespace berth::store

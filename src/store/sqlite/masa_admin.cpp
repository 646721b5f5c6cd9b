// What the manufacturer's operator asks of the MASA's records: customers, ownership, the audit log.
#include "store/sqlite/masa_store.h"

#include "crypto/hash.h"
#include "pki/certificate.h"
#include "wire/json.h"

namespace berth::store {

using namespace onboarding;
using registry::audit_checkpoint;
using registry::audit_entry;
using registry::ownership;

namespace {

constexpr const char* device_columns = "SELECT root_spki, serial, model, state, customer, successor, release_effective, blocked, "
                                       "revoked, configuration FROM device ";

ownership read_device(const statement& row) {
    ownership out;
    out.device = {row.array<32>(0), row.text(1)};
    out.model = row.text(2);
    out.state = registry::ownership_state_from(row.text(3)).value_or(registry::ownership_state::manufactured);
    out.customer = row.text(4);
    out.successor = row.text(5);
    out.release_effective = row.integer(6);
    out.blocked = row.integer(7) != 0;
    out.revoked = row.integer(8) != 0;
    out.configuration = row.text(9);
    return out;
}

result<std::vector<ownership>> read_devices(statement& rows) {
    std::vector<ownership> out;
    for (;;) {
        BERTH_TRY(row, rows.step());
        if (!row) {
            return out;
        }
        out.push_back(read_device(rows));
    }
}

audit_entry read_entry(const statement& row) {
    audit_entry e;
    e.number = static_cast<uint64_t>(row.integer(0));
    e.what = {row.integer(1), row.text(2), {row.array<32>(3), row.text(4)}, row.text(5), row.text(6), row.text(7)};
    e.previous = row.array<32>(8);
    e.hash = row.array<32>(9);
    return e;
}

tl::unexpected<error> unknown_customer(const std::string& name) {
    return fail(error{error_category::usage,
                      "unknown_customer",
                      fmt::format("no customer \"{}\" is registered; register it first (berth customer register)", name),
                      {{"customer", name}}});
}

}  // namespace

// ---- customers

result<bool> sqlite_masa_store::customer_known(const std::string& name) {
    BERTH_TRY(read, db_->prepare("SELECT 1 FROM customer WHERE name = ? AND removed_at = 0"));
    return read.bind(name).step();
}

// Why a registration is refused: by whom the name, or the root's key, is held.
static error taken(const std::string& name, const std::string& holder, bool removed) {
    const std::string what =
        removed ? "was removed; it comes back under the same name with the same root alone" : "is registered already";
    return name == holder ? error{error_category::usage, "customer_exists", fmt::format("a customer \"{}\" {}", name, what)}
                          : error{error_category::usage, "root_in_use",
                                  fmt::format("this root's key is that of \"{}\", who {}", holder, what)};
}

result<void> sqlite_masa_store::register_customer(const customer_record& customer, unix_seconds now) {
    BERTH_TRY(root, pki::certificate::parse(customer.root));
    // It travels in vouchers and releases: opaque Name<1..64>.
    if (customer.name.empty() || customer.name.size() > 64) {
        return fail(error_category::usage, "bad_name",
                    fmt::format("a customer's name has 1 to 64 octets; this one has {}", customer.name.size()));
    }
    return db_->transaction([&]() -> result<void> {
        {
            BERTH_TRY(read, db_->prepare("SELECT name, root_spki, removed_at FROM customer WHERE name = ?1 OR root_spki = ?2 "
                                         "ORDER BY name = ?1 DESC LIMIT 1"));
            BERTH_TRY(row, read.bind(customer.name).bind(root.spki_sha256()).step());
            if (row) {
                const bool same_name = read.text(0) == customer.name;
                const bool same_root = same_octets(read.blob(1), root.spki_sha256());
                const bool removed = read.integer(2) != 0;
                if (!same_name || !same_root || !removed) {
                    return fail(taken(customer.name, read.text(0), removed));
                }
                // The same name with the same key: it is let in again.
                BERTH_TRY(forget, db_->prepare("DELETE FROM customer WHERE name = ?"));
                BERTH_CHECK(forget.bind(customer.name).run());
            }
        }
        wire::json::array addresses;
        for (const auto& a : customer.registrars) {
            addresses.emplace_back(a);
        }
        BERTH_TRY(write,
                  db_->prepare("INSERT INTO customer (name, root, root_spki, registrars, added_at) VALUES (?, ?, ?, ?, ?)"));
        BERTH_CHECK(write.bind(customer.name)
                        .bind(customer.root)
                        .bind(root.spki_sha256())
                        .bind(wire::to_text(addresses))
                        .bind(now)
                        .run());
        BERTH_CHECK(bump("trust"));
        return audit({now, "customer_registered", {}, customer.name, "ok", ""});
    });
}

result<void> sqlite_masa_store::set_registrars(const std::string& customer, const std::vector<std::string>& addresses,
                                               unix_seconds now) {
    wire::json::array list;
    for (const auto& a : addresses) {
        list.emplace_back(a);
    }
    return db_->transaction([&]() -> result<void> {
        BERTH_TRY(write, db_->prepare("UPDATE customer SET registrars = ? WHERE name = ? AND removed_at = 0"));
        BERTH_CHECK(write.bind(wire::to_text(list)).bind(customer).run());
        if (db_->changes() == 0) {
            return unknown_customer(customer);
        }
        BERTH_CHECK(bump("trust"));
        return audit({now, "registrars_set", {}, customer, "ok", ""});
    });
}

result<void> sqlite_masa_store::remove_customer(const std::string& customer, unix_seconds now) {
    return db_->transaction([&]() -> result<void> {
        BERTH_TRY(write, db_->prepare("UPDATE customer SET removed_at = ? WHERE name = ? AND removed_at = 0"));
        BERTH_CHECK(write.bind(now).bind(customer).run());
        if (db_->changes() == 0) {
            return unknown_customer(customer);
        }
        BERTH_CHECK(bump("trust"));
        return audit({now, "customer_removed", {}, customer, "ok", ""});
    });
}

// ---- devices

result<std::optional<ownership>> sqlite_masa_store::find_device(const device_identity& device) {
    BERTH_TRY(read,
              db_->prepare("SELECT root_spki, serial, model, state, customer, successor, release_effective, blocked, revoked, "
                           "configuration FROM device WHERE root_spki = ? AND serial = ?"));
    BERTH_TRY(row, read.bind(device.device_root_spki).bind(device.serial).step());
    if (!row) {
        return std::nullopt;
    }
    return read_device(read);
}

result<std::vector<ownership>> sqlite_masa_store::find_serial(const std::string& serial) {
    static const std::string sql = std::string(device_columns) + "WHERE serial = ? ORDER BY root_spki";
    BERTH_TRY(read, db_->prepare(sql.c_str()));
    read.bind(serial);
    return read_devices(read);
}

result<std::vector<ownership>> sqlite_masa_store::list_devices(size_t most, const device_identity& after) {
    static const std::string sql =
        std::string(device_columns) + "WHERE (serial, root_spki) > (?, ?) ORDER BY serial, root_spki LIMIT ?";
    BERTH_TRY(read, db_->prepare(sql.c_str()));
    read.bind(after.serial).bind(after.device_root_spki).bind(static_cast<int64_t>(most));
    return read_devices(read);
}

result<void> sqlite_masa_store::put_device(const ownership& device) {
    BERTH_TRY(write, db_->prepare("INSERT OR REPLACE INTO device VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    return write.bind(device.device.device_root_spki)
        .bind(device.device.serial)
        .bind(device.model)
        .bind(registry::to_string(device.state))
        .bind(device.customer)
        .bind(device.successor)
        .bind(device.release_effective)
        .bind(int64_t{device.blocked})
        .bind(int64_t{device.revoked})
        .bind(device.configuration)
        .run();
}

result<void> sqlite_masa_store::add_device(const ownership& device, const std::string& identity, unix_seconds now) {
    return db_->transaction([&]() -> result<void> {
        BERTH_TRY(before, find_device(device.device));
        if (before) {
            return fail(error{error_category::usage,
                              "device_exists",
                              fmt::format("device {} is in the records already", device.device.serial),
                              {{"serial", device.device.serial}}});
        }
        BERTH_CHECK(put_device(device));
        return audit({now, "manufactured", device.device, "", "ok", identity});
    });
}

result<ownership> sqlite_masa_store::known_device(const device_identity& device) {
    BERTH_TRY(record, find_device(device));
    if (!record) {
        return fail(error{error_category::usage,
                          "unknown_device",
                          fmt::format("device {} is not in the records", device.serial),
                          {{"serial", device.serial}}});
    }
    return std::move(*record);
}

result<void> sqlite_masa_store::assign(const device_identity& device, const std::string& customer, unix_seconds now) {
    return db_->transaction([&]() -> result<void> {
        BERTH_TRY(record, known_device(device));
        BERTH_TRY(known, customer_known(customer));
        if (!known) {
            return unknown_customer(customer);
        }
        BERTH_TRY(next, registry::assign(record, customer, now));
        if (next == record.at(now)) {
            return {};  // it is so already: nothing has happened that the log should tell
        }
        BERTH_CHECK(put_device(next));
        BERTH_CHECK(bump("ownership"));
        return audit({now, "assigned", device, customer, "ok", ""});
    });
}

result<void> sqlite_masa_store::set_blocked(const device_identity& device, bool blocked, unix_seconds now) {
    return db_->transaction([&]() -> result<void> {
        BERTH_TRY(record, known_device(device));
        if (record.blocked == blocked) {
            return {};
        }
        record.blocked = blocked;
        BERTH_CHECK(put_device(record));
        BERTH_CHECK(bump("ownership"));
        return audit({now, blocked ? "blocked" : "unblocked", device, record.customer, "ok", ""});
    });
}

result<void> sqlite_masa_store::set_revoked(const device_identity& device, unix_seconds now) {
    return db_->transaction([&]() -> result<void> {
        BERTH_TRY(record, known_device(device));
        if (record.revoked) {
            return {};
        }
        record.revoked = true;
        BERTH_CHECK(put_device(record));
        BERTH_CHECK(bump("ownership"));
        return audit({now, "revoked", device, record.customer, "ok", ""});
    });
}

result<void> sqlite_masa_store::set_configuration(const device_identity& device, const std::string& json, unix_seconds now) {
    return db_->transaction([&]() -> result<void> {
        if (!json.empty()) {
            BERTH_CHECK(wire::parse_json_object(json, 16384));
        }
        BERTH_TRY(record, known_device(device));
        record.configuration = json;
        BERTH_CHECK(put_device(record));
        return audit({now, "configuration_set", device, "", "ok", ""});
    });
}

// ---- the audit log

result<void> sqlite_masa_store::audit(const audit_event& event) {
    return db_->transaction([&]() -> result<void> {
        BERTH_TRY(last, last_audit_entry());
        const uint64_t number = last ? last->number + 1 : 1;
        const registry::audit_hash previous = last ? last->hash : registry::audit_hash{};
        BERTH_TRY(write, db_->prepare("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
        return write.bind(static_cast<int64_t>(number))
            .bind(event.at)
            .bind(event.event)
            .bind(event.device.device_root_spki)
            .bind(event.device.serial)
            .bind(event.customer)
            .bind(event.outcome)
            .bind(event.log_id)
            .bind(previous)
            .bind(registry::hash_of(number, event, previous))
            .run();
    });
}

result<std::vector<audit_entry>> sqlite_masa_store::audit_entries(uint64_t after, size_t most) {
    BERTH_TRY(read, db_->prepare("SELECT * FROM audit WHERE number > ? ORDER BY number LIMIT ?"));
    read.bind(static_cast<int64_t>(after)).bind(static_cast<int64_t>(most));
    std::vector<audit_entry> out;
    for (;;) {
        BERTH_TRY(row, read.step());
        if (!row) {
            return out;
        }
        out.push_back(read_entry(read));
    }
}

result<std::optional<audit_entry>> sqlite_masa_store::last_audit_entry() {
    BERTH_TRY(read, db_->prepare("SELECT * FROM audit ORDER BY number DESC LIMIT 1"));
    BERTH_TRY(row, read.step());
    if (!row) {
        return std::nullopt;
    }
    return read_entry(read);
}

result<std::vector<audit_checkpoint>> sqlite_masa_store::checkpoints() {
    BERTH_TRY(read, db_->prepare("SELECT number, at, hash, signature FROM checkpoint ORDER BY number"));
    std::vector<audit_checkpoint> out;
    for (;;) {
        BERTH_TRY(row, read.step());
        if (!row) {
            return out;
        }
        out.push_back({static_cast<uint64_t>(read.integer(0)), read.integer(1), read.array<32>(2), read.blob(3)});
    }
}

result<void> sqlite_masa_store::save_checkpoint(const audit_checkpoint& c) {
    BERTH_TRY(write, db_->prepare("INSERT OR IGNORE INTO checkpoint VALUES (?, ?, ?, ?)"));
    return write.bind(static_cast<int64_t>(c.number)).bind(c.at).bind(c.hash).bind(c.signature).run();
}

}  // namespace berth::store

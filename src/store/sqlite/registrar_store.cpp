// What the protocol asks of the registrar's records.
#include "store/sqlite/registrar_store.h"

#include "crypto/hash.h"
#include "pki/certificate.h"
#include "store/fault_point.h"
#include "store/sqlite/chain_blob.h"
#include "store/sqlite/migrations.h"

namespace berth::store {

using namespace onboarding;
using registry::configuration_layer;
using registry::configuration_scope;

namespace {

approval approval_from(std::string_view text) {
    return text == "approved"  ? approval::approved
           : text == "denied"  ? approval::denied
           : text == "waiting" ? approval::waiting
                               : approval::unknown;
}

}  // namespace

constexpr uint32_t registrar_kind = 0x42455247;  // "BERG"

result<std::unique_ptr<sqlite_registrar_store>> sqlite_registrar_store::open(const std::string& path, opening how) {
    BERTH_TRY(db, database::open(path, registrar_schema(), registrar_kind, how));
    return std::unique_ptr<sqlite_registrar_store>(new sqlite_registrar_store(std::move(db)));
}

// ---- devices and approval

result<void> sqlite_registrar_store::saw_device(const device_identity& device, const hash_field& z3_hash, unix_seconds now) {
    BERTH_TRY(write,
              db_->prepare("INSERT INTO device (root_spki, serial, z3_hash, first_seen, last_seen) VALUES (?1, ?2, ?3, ?4, ?4) "
                           "ON CONFLICT (root_spki, serial) DO UPDATE SET last_seen = ?4, z3_hash = ?3"));
    return write.bind(device.device_root_spki).bind(device.serial).bind(z3_hash).bind(now).run();
}

result<void> sqlite_registrar_store::note_integrity(const device_identity& device, const std::string& model,
                                                    const std::string& verdict, unix_seconds now) {
    return db_->transaction([&]() -> result<void> {
        BERTH_CHECK(note_model(device, model));
        BERTH_TRY(write, db_->prepare("UPDATE device SET integrity = ?, integrity_at = ? WHERE root_spki = ? AND serial = ?"));
        return write.bind(verdict).bind(now).bind(device.device_root_spki).bind(device.serial).run();
    });
}

result<approval> sqlite_registrar_store::approval_of(const device_identity& device) {
    BERTH_TRY(read, db_->prepare("SELECT approval FROM device WHERE root_spki = ? AND serial = ?"));
    BERTH_TRY(row, read.bind(device.device_root_spki).bind(device.serial).step());
    return row ? approval_from(read.text(0)) : approval::unknown;
}

result<void> sqlite_registrar_store::ask_approval(const device_identity& device, const std::string& model, unix_seconds now) {
    return db_->transaction([&]() -> result<void> {
        BERTH_CHECK(note_model(device, model));
        BERTH_TRY(write, db_->prepare("UPDATE device SET approval = 'waiting', last_seen = ? "
                                      "WHERE root_spki = ? AND serial = ? AND approval IN ('unknown', 'waiting')"));
        return write.bind(now).bind(device.device_root_spki).bind(device.serial).run();
    });
}

result<void> sqlite_registrar_store::note_model(const device_identity& device, const std::string& model) {
    bool another = false;
    {
        BERTH_TRY(read, db_->prepare("SELECT model <> '' AND model <> ?1 FROM device WHERE root_spki = ?2 AND serial = ?3"));
        BERTH_TRY(row, read.bind(model).bind(device.device_root_spki).bind(device.serial).step());
        another = row && read.integer(0) != 0;
    }
    {
        BERTH_TRY(write, db_->prepare("UPDATE device SET model = ? WHERE root_spki = ? AND serial = ?"));
        BERTH_CHECK(write.bind(model).bind(device.device_root_spki).bind(device.serial).run());
    }
    return another ? layers_changed(device) : result<void>{};
}

// ---- certificates

result<onboarding::membership> sqlite_registrar_store::membership_of(const device_identity& device) {
    BERTH_TRY(read, db_->prepare("SELECT count(*), min(revoked_at) FROM certificate WHERE root_spki = ? AND serial = ?"));
    BERTH_TRY(row, read.bind(device.device_root_spki).bind(device.serial).step());
    if (!row || read.integer(0) == 0) {
        return onboarding::membership::stranger;
    }
    return read.integer(1) == 0 ? onboarding::membership::member : onboarding::membership::withdrawn;
}

result<std::optional<issued_certificate>>
sqlite_registrar_store::find_certificate(const device_identity& device, const std::string& name, const hash_field& spki_hash) {
    BERTH_TRY(read, db_->prepare("SELECT profile, kind, chain, not_before, not_after FROM certificate WHERE spki_hash = ? AND "
                                 "root_spki = ? AND serial = ? AND name = ? AND revoked_at = 0 ORDER BY not_after DESC LIMIT 1"));
    BERTH_TRY(row, read.bind(spki_hash).bind(device.device_root_spki).bind(device.serial).bind(name).step());
    if (!row) {
        return std::nullopt;
    }
    BERTH_TRY(chain, unpack_chain(read.blob(2)));
    return issued_certificate{device,
                              name,
                              read.text(0),
                              static_cast<credential_kind>(read.integer(1)),
                              spki_hash,
                              std::move(chain),
                              read.integer(3),
                              read.integer(4),
                              false};
}

result<bool> sqlite_registrar_store::key_belongs_to_another(const device_identity& device, const hash_field& spki_hash) {
    BERTH_TRY(read, db_->prepare("SELECT 1 FROM certificate WHERE spki_hash = ? AND NOT (root_spki = ? AND serial = ?) LIMIT 1"));
    return read.bind(spki_hash).bind(device.device_root_spki).bind(device.serial).step();
}

result<void> sqlite_registrar_store::save_requests(const kk3_id_field& id, const device_identity& device, bytes_view requests,
                                                   unix_seconds now) {
    BERTH_FAULT_POINT("registrar.before_requests");
    BERTH_TRY(write, db_->prepare("INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?, ?)"));
    return write.bind(id).bind(device.device_root_spki).bind(device.serial).bind(requests).bind(now).run();
}

result<std::vector<bytes>> sqlite_registrar_store::unanswered_requests(const device_identity& device, unix_seconds from) {
    BERTH_TRY(read, db_->prepare("SELECT requests FROM requests WHERE root_spki = ? AND serial = ? AND at >= ? AND at > (SELECT "
                                 "COALESCE(MAX(issued_at), 0) FROM certificate WHERE root_spki = ? AND serial = ?) ORDER BY at "
                                 "LIMIT 16"));
    read.bind(device.device_root_spki).bind(device.serial).bind(from).bind(device.device_root_spki).bind(device.serial);
    std::vector<bytes> out;
    for (;;) {
        BERTH_TRY(row, read.step());
        if (!row) {
            return out;
        }
        out.push_back(read.blob(0));
    }
}

result<void> sqlite_registrar_store::save_certificates(const std::vector<issued_certificate>& certificates, unix_seconds now) {
    BERTH_FAULT_POINT("registrar.before_certificates");
    auto done = db_->transaction([&]() -> result<void> {
        for (const auto& c : certificates) {
            BERTH_TRY(leaf, pki::certificate::parse(c.chain.front()));
            BERTH_TRY(packed, pack_chain(c.chain));
            std::string_view why;
            if (c.revoked) {
                BERTH_TRY(ended, is_decommissioned(c.device));
                BERTH_TRY(decision, approval_of(c.device));
                why = ended ? "decommissioned" : decision == approval::denied ? "denied" : "released";
            }
            // Two orders may be answered with one certificate: if one of them says that it has ended, it has.
            BERTH_TRY(write, db_->prepare("INSERT INTO certificate (leaf_hash, root_spki, serial, name, profile, kind, "
                                          "spki_hash, chain, x509_serial, not_before, not_after, issued_at, revoked_at, why) "
                                          "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (leaf_hash) DO UPDATE "
                                          "SET revoked_at = excluded.revoked_at, why = excluded.why "
                                          "WHERE revoked_at = 0 AND excluded.revoked_at > 0"));
            BERTH_CHECK(write.bind(leaf.sha256())
                            .bind(c.device.device_root_spki)
                            .bind(c.device.serial)
                            .bind(c.name)
                            .bind(c.profile)
                            .bind(static_cast<int64_t>(c.kind))
                            .bind(c.spki_hash)
                            .bind(packed)
                            .bind(leaf.serial())
                            .bind(c.not_before)
                            .bind(c.not_after)
                            .bind(now)
                            .bind(c.revoked ? now : 0)
                            .bind(why)
                            .run());
            if (c.revoked && db_->changes() > 0) {
                BERTH_CHECK(db_->execute("UPDATE generation SET value = value + 1 WHERE name = 'revocation'"));
            }
        }
        return {};
    });
    BERTH_FAULT_POINT("registrar.after_certificates");
    return done;
}

// ---- grants and results

result<void> sqlite_registrar_store::save_grant(const granted& g) {
    BERTH_FAULT_POINT("registrar.before_grant");
    auto done = db_->transaction([&]() -> result<void> {
        bytes hashes;
        for (const auto& h : g.leaf_hashes) {
            append(hashes, h);
        }
        {
            BERTH_TRY(write, db_->prepare("INSERT OR REPLACE INTO granted VALUES (?, ?, ?, ?, ?, ?)"));
            BERTH_CHECK(write.bind(g.kk3_id)
                            .bind(g.device.device_root_spki)
                            .bind(g.device.serial)
                            .bind(hashes)
                            .bind(static_cast<int64_t>(g.configuration_version))
                            .bind(g.at)
                            .run());
        }
        BERTH_CHECK(note_model(g.device, g.model));
        BERTH_TRY(write, db_->prepare("UPDATE device SET firmware = ?, configuration = ? WHERE root_spki = ? AND serial = ?"));
        return write.bind(g.firmware)
            .bind(static_cast<int64_t>(g.configuration_version))
            .bind(g.device.device_root_spki)
            .bind(g.device.serial)
            .run();
    });
    BERTH_FAULT_POINT("registrar.after_grant");
    return done;
}

result<result_standing> sqlite_registrar_store::save_result(const kk3_id_field& id, const device_identity& device,
                                                            const hash_field& z3_hash, bool installed, const std::string& refusal,
                                                            unix_seconds now) {
    BERTH_FAULT_POINT("registrar.before_result");
    auto done = db_->transaction([&]() -> result<result_standing> {
        const auto standing = [](bool good) { return good ? result_standing::installed : result_standing::refused; };
        {
            BERTH_TRY(read, db_->prepare("SELECT 1 FROM granted WHERE kk3_id = ? AND root_spki = ? AND serial = ?"));
            BERTH_TRY(row, read.bind(id).bind(device.device_root_spki).bind(device.serial).step());
            if (!row) {
                return result_standing::unknown;
            }
        }
        BERTH_TRY(write, db_->prepare("INSERT OR IGNORE INTO result (kk3_id, root_spki, serial, z3_hash, installed, refusal, at) "
                                      "VALUES (?, ?, ?, ?, ?, ?, ?)"));
        BERTH_CHECK(write.bind(id)
                        .bind(device.device_root_spki)
                        .bind(device.serial)
                        .bind(z3_hash)
                        .bind(int64_t{installed})
                        .bind(refusal)
                        .bind(now)
                        .run());
        if (db_->changes() == 0) {
            BERTH_TRY(first, db_->prepare("SELECT installed FROM result WHERE kk3_id = ?"));
            BERTH_TRY(row, first.bind(id).step());
            return standing(row && first.integer(0) != 0);
        }
        BERTH_TRY(update,
                  db_->prepare("UPDATE device SET last_result = ?1, onboarded_at = CASE WHEN ?2 THEN ?3 ELSE onboarded_at END "
                               "WHERE root_spki = ?4 AND serial = ?5"));
        BERTH_CHECK(update.bind(installed ? std::string_view("installed") : std::string_view(refusal))
                        .bind(int64_t{installed})
                        .bind(now)
                        .bind(device.device_root_spki)
                        .bind(device.serial)
                        .run());
        return standing(installed);
    });
    BERTH_FAULT_POINT("registrar.after_result");
    return done;
}

result<std::vector<undelivered_result>> sqlite_registrar_store::undelivered_results(const hash_field& device_root_spki,
                                                                                    size_t most) {
    BERTH_TRY(read, db_->prepare("SELECT kk3_id, serial, z3_hash, installed, refusal FROM result "
                                 "WHERE root_spki = ? AND delivered_at = 0 LIMIT ?"));
    read.bind(device_root_spki).bind(static_cast<int64_t>(most));
    std::vector<undelivered_result> out;
    for (;;) {
        BERTH_TRY(row, read.step());
        if (!row) {
            return out;
        }
        out.push_back(
            {read.array<16>(0), {device_root_spki, read.text(1)}, read.array<32>(2), read.integer(3) != 0, read.text(4)});
    }
}

result<void> sqlite_registrar_store::result_delivered(const kk3_id_field& id, const std::string& outcome, unix_seconds now) {
    BERTH_FAULT_POINT("registrar.before_delivered");
    BERTH_TRY(write, db_->prepare("UPDATE result SET delivered_at = ?, outcome = ? WHERE kk3_id = ?"));
    return write.bind(now).bind(outcome).bind(id).run();
}

result<void> sqlite_registrar_store::revoke_granted(const kk3_id_field& id, const std::string& why, unix_seconds now) {
    BERTH_FAULT_POINT("registrar.before_revoked");
    auto done = db_->transaction([&]() -> result<void> {
        bytes hashes;
        {
            BERTH_TRY(read, db_->prepare("SELECT leaf_hashes FROM granted WHERE kk3_id = ?"));
            BERTH_TRY(row, read.bind(id).step());
            if (row) {
                hashes = read.blob(0);
            }
        }
        int revoked = 0;
        for (size_t at = 0; at + 32 <= hashes.size(); at += 32) {
            BERTH_TRY(write,
                      db_->prepare("UPDATE certificate SET revoked_at = ?, why = ? WHERE leaf_hash = ? AND revoked_at = 0"));
            BERTH_CHECK(write.bind(now).bind(why).bind(bytes_view(hashes).subspan(at, 32)).run());
            revoked += db_->changes();
        }
        return revoked == 0 ? result<void>{} : db_->execute("UPDATE generation SET value = value + 1 WHERE name = 'revocation'");
    });
    BERTH_FAULT_POINT("registrar.after_revoked");
    return done;
}

// ---- configuration

result<std::optional<configuration_layer>> sqlite_registrar_store::newest_layer(configuration_scope scope,
                                                                                const std::string& name) {
    BERTH_TRY(read, db_->prepare("SELECT version, json, set_at FROM configuration WHERE scope = ? AND name = ? "
                                 "ORDER BY version DESC LIMIT 1"));
    BERTH_TRY(row, read.bind(static_cast<int64_t>(scope)).bind(name).step());
    if (!row) {
        return std::nullopt;
    }
    return configuration_layer{scope, name, static_cast<uint64_t>(read.integer(0)), read.text(1), read.integer(2)};
}

result<device_configuration> sqlite_registrar_store::configuration_for(const device_identity& device, const std::string& model) {
    std::string group;
    std::string known_model = model;
    uint64_t layers_version = 0;
    {
        BERTH_TRY(read, db_->prepare("SELECT groups, model, layers_version FROM device WHERE root_spki = ? AND serial = ?"));
        BERTH_TRY(row, read.bind(device.device_root_spki).bind(device.serial).step());
        if (row) {
            group = read.text(0);
            known_model = model.empty() ? read.text(1) : model;
            layers_version = static_cast<uint64_t>(read.integer(2));
        }
    }
    std::vector<configuration_layer> layers;
    const std::pair<configuration_scope, std::string> wanted[] = {
        {configuration_scope::everyone, ""},
        {configuration_scope::model, known_model},
        {configuration_scope::group, group},
        {configuration_scope::device, device.text()},
    };
    for (const auto& [scope, name] : wanted) {
        if (scope != configuration_scope::everyone && name.empty()) {
            continue;
        }
        BERTH_TRY(layer, newest_layer(scope, name));
        if (layer) {
            layers.push_back(std::move(*layer));
        }
    }
    BERTH_TRY(merged, registry::merge(layers));
    if (layers_version > merged.version) {
        merged.version = layers_version;
        if (merged.json.empty()) {
            merged.json = "{}";  // what it had before is to go
        }
    }
    return merged;
}

}  // namespace berth::store

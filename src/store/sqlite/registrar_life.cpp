// A device's life with its owner: what its operator has said of it, and what follows from the rest of the records.
#include "store/sqlite/registrar_store.h"

#include <algorithm>

namespace berth::store {

using onboarding::device_identity;
using registry::owner_life_entry;

result<bool> sqlite_registrar_store::is_decommissioned(const device_identity& device) {
    BERTH_TRY(read, db_->prepare("SELECT step = 'decommissioned' FROM life WHERE root_spki = ? AND serial = ? "
                                 "ORDER BY number DESC LIMIT 1"));
    BERTH_TRY(row, read.bind(device.device_root_spki).bind(device.serial).step());
    return row && read.integer(0) != 0;
}

result<bool> sqlite_registrar_store::left_since(const device_identity& device, unix_seconds then) {
    BERTH_TRY(decision, approval_of(device));
    if (decision == onboarding::approval::denied) {
        return true;
    }
    BERTH_TRY(read, db_->prepare("SELECT 1 FROM release WHERE root_spki = ? AND serial = ? AND outcome = 'released' AND "
                                 "answered_at >= ? LIMIT 1"));
    return read.bind(device.device_root_spki).bind(device.serial).bind(then).step();
}

result<void> sqlite_registrar_store::say_of_life(const device_identity& device, std::string_view step, const std::string& why,
                                                 unix_seconds now) {
    BERTH_TRY(write, db_->prepare("INSERT INTO life (root_spki, serial, at, step, about) VALUES (?, ?, ?, ?, ?)"));
    return write.bind(device.device_root_spki).bind(device.serial).bind(now).bind(step).bind(why).run();
}

result<size_t> sqlite_registrar_store::decommission(const device_identity& device, const std::string& why, unix_seconds now) {
    return db_->transaction([&]() -> result<size_t> {
        BERTH_TRY(ended, is_decommissioned(device));
        if (ended) {
            return fail(
                error{error_category::usage, "decommissioned",
                      fmt::format("{} was decommissioned here before; berth registrar recommission takes it back", device.serial)}
                    .with("serial", device.serial));
        }
        BERTH_CHECK(say_of_life(device, "decommissioned", why, now));
        // What the protocol knows of it: a denial, which holds until the grant is sent.
        BERTH_CHECK(set_approval(device, "denied", now));
        BERTH_TRY(revoke, db_->prepare("UPDATE certificate SET revoked_at = ?, why = 'decommissioned' WHERE revoked_at = 0 AND "
                                       "root_spki = ? AND serial = ?"));
        BERTH_CHECK(revoke.bind(now).bind(device.device_root_spki).bind(device.serial).run());
        const auto revoked = static_cast<size_t>(db_->changes());
        if (revoked > 0) {
            BERTH_CHECK(db_->execute("UPDATE generation SET value = value + 1 WHERE name = 'revocation'"));
        }
        return revoked;
    });
}

result<void> sqlite_registrar_store::recommission(const device_identity& device, const std::string& why, unix_seconds now) {
    return db_->transaction([&]() -> result<void> {
        BERTH_TRY(ended, is_decommissioned(device));
        if (!ended) {
            return fail(error{error_category::usage, "not_decommissioned",
                              fmt::format("{} is not decommissioned here: there is nothing to be taken back", device.serial)}
                            .with("serial", device.serial));
        }
        BERTH_CHECK(say_of_life(device, "recommissioned", why, now));
        return set_approval(device, "unknown", now);
    });
}

result<std::vector<owner_life_entry>> sqlite_registrar_store::life_of(const device_identity& device) {
    BERTH_TRY(
        read,
        db_->prepare(
            "SELECT at, step, about FROM ("
            "SELECT first_seen AS at, 0 AS turn, 'seen' AS step, model AS about FROM device "
            "WHERE root_spki = ?1 AND serial = ?2 "
            "UNION ALL SELECT issued_at, 1, 'certified', group_concat(name, ', ') FROM "
            "(SELECT * FROM certificate WHERE root_spki = ?1 AND serial = ?2 ORDER BY name) GROUP BY issued_at "
            "UNION ALL SELECT at, 2, CASE installed WHEN 1 THEN 'installed' ELSE 'refused' END, refusal FROM result "
            "WHERE root_spki = ?1 AND serial = ?2 "
            "UNION ALL SELECT answered_at, 3, 'released', 'to ' || successor FROM release "
            "WHERE root_spki = ?1 AND serial = ?2 AND outcome = 'released' "
            "UNION ALL SELECT revoked_at, 4, 'revoked', count(*) || ': ' || why FROM certificate "
            "WHERE root_spki = ?1 AND serial = ?2 AND revoked_at > 0 GROUP BY revoked_at, why "
            "UNION ALL SELECT at, 4 + number, step, about FROM life WHERE root_spki = ?1 AND serial = ?2) ORDER BY at, turn"));
    read.bind(device.device_root_spki).bind(device.serial);
    std::vector<owner_life_entry> out;
    for (;;) {
        BERTH_TRY(row, read.step());
        if (!row) {
            return out;
        }
        out.push_back({read.integer(0), read.text(1), read.text(2)});
    }
}

}  // namespace berth::store

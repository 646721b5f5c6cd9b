// What became of devices that registered, and the hubs to choose from.
#include "store/sqlite/provisioning_store.h"

namespace berth::store {

using namespace registry;

namespace {

#define BERTH_REGISTRATION_COLUMNS                                                                                  \
    "SELECT id, via, shown, status, detail, device, hub, generation, certificate, operation, payload, error_code, " \
    "error_message, "                                                                                               \
    "created, changed, version FROM registration "

registration read_registration(const statement& row) {
    registration out;
    out.id = row.text(0);
    out.via = enrolment_kind_from(row.text(1)).value_or(enrolment_kind::individual);
    out.enrolment = row.text(2);
    out.status = registration_status_from(row.text(3)).value_or(registration_status::failed);
    out.detail = registration_detail_from(row.text(4)).value_or(registration_detail::first);
    out.device_id = row.text(5);
    out.hub = row.text(6);
    out.generation = static_cast<uint64_t>(row.integer(7));
    out.certificate = row.array<std::tuple_size_v<thumbprint>>(8);
    out.operation = row.text(9);
    out.payload = row.text(10);
    out.error_code = static_cast<uint32_t>(row.integer(11));
    out.error_message = row.text(12);
    out.created = row.integer(13);
    out.changed = row.integer(14);
    out.version = static_cast<uint64_t>(row.integer(15));
    return out;
}

result<std::optional<registration>> first_of(statement& read) {
    BERTH_TRY(row, read.step());
    return row ? std::optional(read_registration(read)) : std::nullopt;
}

std::string as_lines(const std::vector<std::string>& all) {
    std::string out;
    for (const auto& one : all) {
        out += one + "\n";
    }
    return out;
}

linked_hub read_hub(const statement& row) {
    linked_hub out;
    out.host = row.text(0);
    out.weight = static_cast<uint32_t>(row.integer(1));
    out.local = row.integer(2) != 0;
    const std::string near = row.text(3);
    for (size_t from = 0; from < near.size();) {
        const size_t end = std::min(near.find('\n', from), near.size());
        out.near.push_back(near.substr(from, end - from));
        from = end + 1;
    }
    out.added = row.integer(4);
    return out;
}

}  // namespace

// ---- registrations

result<void> sqlite_provisioning_store::put(const registration& r) {
    return db_.transaction([&]() -> result<void> {
        BERTH_TRY(write, db_.prepare("INSERT OR REPLACE INTO registration (folded, id, via, enrolment, shown, status, detail, "
                                     "device, hub, generation, certificate, operation, payload, error_code, error_message, "
                                     "created, changed, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
        return write.bind(fold_registration_id(r.id))
            .bind(r.id)
            .bind(to_string(r.via))
            .bind(fold_registration_id(r.enrolment))
            .bind(r.enrolment)
            .bind(to_string(r.status))
            .bind(to_string(r.detail))
            .bind(r.device_id)
            .bind(r.hub)
            .bind(static_cast<int64_t>(r.generation))
            .bind(r.certificate)
            .bind(r.operation)
            .bind(r.payload)
            .bind(int64_t{r.error_code})
            .bind(r.error_message)
            .bind(r.created)
            .bind(r.changed)
            .bind(static_cast<int64_t>(r.version))
            .run();
    });
}

result<std::optional<registration>> sqlite_provisioning_store::find_registration(std::string_view id) {
    BERTH_TRY(read, db_.prepare(BERTH_REGISTRATION_COLUMNS "WHERE folded = ?"));
    return first_of(read.bind(fold_registration_id(id)));
}

result<std::optional<registration>> sqlite_provisioning_store::find_operation(const std::string& operation) {
    BERTH_TRY(read, db_.prepare(BERTH_REGISTRATION_COLUMNS "WHERE operation = ? AND operation <> ''"));
    return first_of(read.bind(operation));
}

result<std::vector<registration>> sqlite_provisioning_store::list_registrations(const registration_query& query) {
    const char* const sql = query.via ? BERTH_REGISTRATION_COLUMNS
                                "WHERE folded > ?1 AND via = ?3 AND enrolment = ?4 ORDER BY folded LIMIT ?2"
                                      : BERTH_REGISTRATION_COLUMNS "WHERE folded > ?1 ORDER BY folded LIMIT ?2";
    BERTH_TRY(rows, db_.prepare(sql));
    rows.bind(fold_registration_id(query.after)).bind(static_cast<int64_t>(query.most));
    if (query.via) {
        rows.bind(to_string(*query.via)).bind(fold_registration_id(query.enrolment));
    }
    std::vector<registration> out;
    for (;;) {
        BERTH_TRY(row, rows.step());
        if (!row) {
            return out;
        }
        out.push_back(read_registration(rows));
    }
}

result<bool> sqlite_provisioning_store::remove_registration(std::string_view id) {
    return db_.transaction([&]() -> result<bool> {
        BERTH_TRY(write, db_.prepare("DELETE FROM registration WHERE folded = ?"));
        BERTH_CHECK(write.bind(fold_registration_id(id)).run());
        return db_.changes() > 0;
    });
}

// ---- hubs

result<void> sqlite_provisioning_store::check_local(const linked_hub& hub) {
    if (!hub.local) {
        return {};
    }
    BERTH_TRY(read, db_.prepare("SELECT host FROM linked_hub WHERE local <> 0 AND host <> ?"));
    BERTH_TRY(row, read.bind(hub.host).step());
    if (row) {
        const std::string other = read.text(0);
        return fail(error{error_category::usage,
                          "local_hub_exists",
                          fmt::format("{} is this registry's own hub already: there is one", other),
                          {{"host", other}}});
    }
    return {};
}

result<void> sqlite_provisioning_store::add_hub(const linked_hub& fresh) {
    return db_.transaction([&]() -> result<void> {
        BERTH_CHECK(check_local(fresh));
        BERTH_TRY(write, db_.prepare("INSERT INTO linked_hub (host, weight, local, near, added) VALUES (?, ?, ?, ?, ?) "
                                     "ON CONFLICT DO NOTHING"));
        BERTH_CHECK(write.bind(fresh.host)
                        .bind(int64_t{fresh.weight})
                        .bind(int64_t{fresh.local})
                        .bind(as_lines(fresh.near))
                        .bind(fresh.added)
                        .run());
        if (db_.changes() == 0) {
            return fail(error{
                error_category::usage, "hub_exists", fmt::format("{} is linked already", fresh.host), {{"host", fresh.host}}});
        }
        return {};
    });
}

result<void> sqlite_provisioning_store::change_hub(const linked_hub& after) {
    return db_.transaction([&]() -> result<void> {
        BERTH_CHECK(check_local(after));
        BERTH_TRY(write, db_.prepare("UPDATE linked_hub SET weight = ?, local = ?, near = ? WHERE host = ?"));
        BERTH_CHECK(
            write.bind(int64_t{after.weight}).bind(int64_t{after.local}).bind(as_lines(after.near)).bind(after.host).run());
        if (db_.changes() == 0) {
            return fail(error{
                error_category::peer, "unknown_linked_hub", fmt::format("{} is not linked", after.host), {{"host", after.host}}});
        }
        return {};
    });
}

result<std::vector<linked_hub>> sqlite_provisioning_store::list_hubs() {
    BERTH_TRY(rows, db_.prepare("SELECT host, weight, local, near, added FROM linked_hub ORDER BY host"));
    std::vector<linked_hub> out;
    for (;;) {
        BERTH_TRY(row, rows.step());
        if (!row) {
            return out;
        }
        out.push_back(read_hub(rows));
    }
}

result<bool> sqlite_provisioning_store::remove_hub(const std::string& host) {
    return db_.transaction([&]() -> result<bool> {
        BERTH_TRY(write, db_.prepare("DELETE FROM linked_hub WHERE host = ?"));
        BERTH_CHECK(write.bind(host).run());
        return db_.changes() > 0;
    });
}

}  // namespace berth::store

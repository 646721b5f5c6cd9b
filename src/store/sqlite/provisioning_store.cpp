// Enrolments: single devices, and all below a CA.
#include "store/sqlite/provisioning_store.h"

namespace berth::store {

using namespace registry;

namespace {

#define BERTH_ENROLMENT_COLUMNS                                                                                               \
    "SELECT kind, id, generation, version, enabled, first_cert, second_cert, first_ca, second_ca, device, allocation, hubs, " \
    "webhook, reprovision, grouped, tags, created, changed, tpm_ek, tpm_srk, desired FROM enrolment "

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> out;
    for (size_t from = 0; from < text.size();) {
        const size_t end = std::min(text.find('\n', from), text.size());
        out.push_back(text.substr(from, end - from));
        from = end + 1;
    }
    return out;
}

std::string as_lines(const std::vector<std::string>& all) {
    std::string out;
    for (const auto& one : all) {
        out += one + "\n";
    }
    return out;
}

result<std::optional<pki::certificate>> read_certificate(const statement& row, int column, const std::string& id) {
    const bytes der = row.blob(column);
    if (der.empty()) {
        return std::nullopt;
    }
    auto parsed = pki::certificate::parse(der);
    if (!parsed) {
        return fail(error_category::environment, "corrupt_store",
                    fmt::format("a certificate of the enrolment \"{}\" cannot be read: {}", id, parsed.error().message));
    }
    return std::optional(std::move(*parsed));
}

result<enrolment> read_enrolment(const statement& row) {
    enrolment out;
    out.id = row.text(1);
    const auto kind = enrolment_kind_from(row.text(0));
    const auto allocation = allocation_way_from(row.text(10));
    const auto reprovision = reprovision_way_from(row.text(13));
    if (!kind) {
        return fail(error_category::environment, "corrupt_store",
                    fmt::format("the enrolment \"{}\" is of no known kind", out.id));
    }
    out.kind = *kind;
    out.generation = static_cast<uint64_t>(row.integer(2));
    out.version = static_cast<uint64_t>(row.integer(3));
    auto& s = out.settings;
    // What this version does not know lets nobody in.
    s.enabled = row.integer(4) != 0 && allocation && reprovision;
    BERTH_TRY(primary, read_certificate(row, 5, out.id));
    BERTH_TRY(secondary, read_certificate(row, 6, out.id));
    s.attestation = {std::move(primary), std::move(secondary), row.text(7), row.text(8), row.blob(18), row.blob(19)};
    s.device_id = row.text(9);
    s.allocation = allocation.value_or(allocation_way::hashed);
    s.hubs = lines_of(row.text(11));
    s.webhook = row.text(12);
    s.reprovision = reprovision.value_or(reprovision_way::never);
    s.group = row.text(14);
    s.tags = row.text(15);
    s.desired = row.text(20);
    out.created = row.integer(16);
    out.changed = row.integer(17);
    return out;
}

bytes_view der_of(const std::optional<pki::certificate>& c) {
    return c ? c->der() : bytes_view();
}

}  // namespace

// The statement's parameters: all columns, of which the first two say which row.
result<void> sqlite_provisioning_store::write(const enrolment& e, const char* sql) {
    BERTH_TRY(write, db_.prepare(sql));
    const auto& s = e.settings;
    return write.bind(to_string(e.kind))
        .bind(fold_registration_id(e.id))
        .bind(e.id)
        .bind(static_cast<int64_t>(e.generation))
        .bind(static_cast<int64_t>(e.version))
        .bind(int64_t{s.enabled})
        .bind(der_of(s.attestation.primary))
        .bind(der_of(s.attestation.secondary))
        .bind(s.attestation.primary_ca)
        .bind(s.attestation.secondary_ca)
        .bind(s.device_id)
        .bind(to_string(s.allocation))
        .bind(as_lines(s.hubs))
        .bind(s.webhook)
        .bind(to_string(s.reprovision))
        .bind(s.group)
        .bind(s.tags)
        .bind(e.created)
        .bind(e.changed)
        .bind(s.attestation.endorsement_key)
        .bind(s.attestation.storage_root_key)
        .bind(s.desired)
        .run();
}

result<void> sqlite_provisioning_store::check_cas(const enrolment& e) {
    for (const auto& ca : {e.settings.attestation.primary_ca, e.settings.attestation.secondary_ca}) {
        if (ca.empty()) {
            continue;
        }
        BERTH_TRY(group, group_of(ca));
        if (group && !same_registration_id(group->id, e.id)) {
            return fail(error{error_category::usage,
                              "ca_enrolled",
                              fmt::format("the enrolment group \"{}\" is for the CA \"{}\" already", group->id, ca),
                              {{"ca", ca}, {"id", group->id}}});
        }
    }
    return {};
}

result<void> sqlite_provisioning_store::add(const enrolment& fresh) {
    return db_.transaction([&]() -> result<void> {
        BERTH_CHECK(check_cas(fresh));
        BERTH_CHECK(write(fresh,
                          "INSERT INTO enrolment (kind, folded, id, generation, version, enabled, first_cert, second_cert, "
                          "first_ca, second_ca, device, allocation, hubs, webhook, reprovision, grouped, tags, created, "
                          "changed, tpm_ek, tpm_srk, desired) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON "
                          "CONFLICT DO NOTHING"));
        if (db_.changes() == 0) {
            return fail(error{error_category::usage,
                              "enrolment_exists",
                              fmt::format("there is an {} enrolment \"{}\" already", to_string(fresh.kind), fresh.id),
                              {{"id", fresh.id}}});
        }
        return {};
    });
}

result<std::optional<enrolment>> sqlite_provisioning_store::find(enrolment_kind kind, std::string_view id) {
    BERTH_TRY(read, db_.prepare(BERTH_ENROLMENT_COLUMNS "WHERE kind = ? AND folded = ?"));
    BERTH_TRY(row, read.bind(to_string(kind)).bind(fold_registration_id(id)).step());
    if (!row) {
        return std::nullopt;
    }
    BERTH_TRY(found, read_enrolment(read));
    return found;
}

result<std::vector<enrolment>> sqlite_provisioning_store::list(const enrolment_query& query) {
    BERTH_TRY(rows, db_.prepare(BERTH_ENROLMENT_COLUMNS "WHERE kind = ? AND folded > ? ORDER BY folded LIMIT ?"));
    rows.bind(to_string(query.kind)).bind(fold_registration_id(query.after)).bind(static_cast<int64_t>(query.most));
    std::vector<enrolment> out;
    for (;;) {
        BERTH_TRY(row, rows.step());
        if (!row) {
            return out;
        }
        BERTH_TRY(one, read_enrolment(rows));
        out.push_back(std::move(one));
    }
}

result<enrolment> sqlite_provisioning_store::unchanged(const enrolment& before) {
    BERTH_TRY(now, find(before.kind, before.id));
    if (!now) {
        return fail(unknown_enrolment(before.kind, before.id));
    }
    BERTH_CHECK(check_etag(*now, before.etag()));
    return std::move(*now);
}

result<enrolment> sqlite_provisioning_store::change(const enrolment& before, const enrolment_settings& settings,
                                                    unix_seconds now) {
    return db_.transaction([&]() -> result<enrolment> {
        BERTH_TRY(after, unchanged(before));
        after.settings = settings;
        ++after.version;
        after.changed = now;
        BERTH_CHECK(check_cas(after));
        BERTH_CHECK(write(after, "UPDATE enrolment SET id = ?3, generation = ?4, version = ?5, enabled = ?6, first_cert = ?7, "
                                 "second_cert = ?8, first_ca = ?9, second_ca = ?10, device = ?11, allocation = ?12, hubs = ?13, "
                                 "webhook = ?14, reprovision = ?15, grouped = ?16, tags = ?17, created = ?18, changed = ?19, "
                                 "tpm_ek = ?20, tpm_srk = ?21, desired = ?22 "
                                 "WHERE kind = ?1 AND folded = ?2"));
        return after;
    });
}

result<void> sqlite_provisioning_store::remove(const enrolment& before) {
    return db_.transaction([&]() -> result<void> {
        BERTH_TRY(gone, unchanged(before));
        const std::string folded = fold_registration_id(gone.id);
        BERTH_TRY(forget, db_.prepare("DELETE FROM registration WHERE via = ? AND enrolment = ?"));
        BERTH_CHECK(forget.bind(to_string(gone.kind)).bind(folded).run());
        BERTH_TRY(write, db_.prepare("DELETE FROM enrolment WHERE kind = ? AND folded = ?"));
        return write.bind(to_string(gone.kind)).bind(folded).run();
    });
}

result<std::optional<enrolment>> sqlite_provisioning_store::group_of(const std::string& ca) {
    BERTH_TRY(read, db_.prepare(BERTH_ENROLMENT_COLUMNS "WHERE (first_ca = ?1 AND first_ca <> '') OR "
                                                        "(second_ca = ?1 AND second_ca <> '') LIMIT 1"));
    BERTH_TRY(row, read.bind(ca).step());
    if (!row) {
        return std::nullopt;
    }
    BERTH_TRY(found, read_enrolment(read));
    return found;
}

}  // namespace berth::store

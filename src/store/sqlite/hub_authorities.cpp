// The CAs by which devices are let in.
#include "store/sqlite/hub_store.h"

namespace berth::store {

using namespace registry;

namespace {

#define BERTH_AUTHORITY_COLUMNS \
    "SELECT name, certificate, state, code, code_expires, added, verified_at, retires, version FROM authority "

result<registered_ca> read_ca(const statement& row) {
    const std::string name = row.text(0);
    auto certificate = pki::certificate::parse(row.blob(1));
    if (!certificate) {
        return fail(
            error_category::environment, "corrupt_store",
            fmt::format("the certificate of the registered CA \"{}\" cannot be read: {}", name, certificate.error().message));
    }
    // What this version does not know lets nobody in.
    const auto state = row.text(2) == to_string(ca_state::verified) ? ca_state::verified : ca_state::unverified;
    return registered_ca{name,           std::move(*certificate), state,
                         row.text(3),    row.integer(4),          row.integer(5),
                         row.integer(6), row.integer(7),          static_cast<uint64_t>(row.integer(8))};
}

}  // namespace

result<int64_t> sqlite_hub_store::ca_number(const std::array<uint8_t, 32>& sha256) {
    BERTH_TRY(read, db_->prepare("SELECT id FROM authority WHERE sha256 = ?"));
    BERTH_TRY(row, read.bind(sha256).step());
    return row ? read.integer(0) : 0;
}

result<void> sqlite_hub_store::add_ca(const registered_ca& fresh) {
    return db_->transaction([&]() -> result<void> {
        {
            BERTH_TRY(read,
                      db_->prepare("SELECT name, sha256 FROM authority WHERE name = ?1 OR sha256 = ?2 ORDER BY sha256 <> ?2"));
            BERTH_TRY(row, read.bind(fresh.name).bind(fresh.certificate.sha256()).step());
            if (row) {
                const std::string holder = read.text(0);
                return fail(read.array<32>(1) != fresh.certificate.sha256()
                                ? error{error_category::usage,
                                        "ca_name_taken",
                                        fmt::format("another CA is registered as \"{}\": choose another name", holder),
                                        {{"name", holder}}}
                                : error{error_category::usage,
                                        "ca_exists",
                                        fmt::format("this certificate is registered already, as \"{}\"", holder),
                                        {{"name", holder}}});
            }
        }
        BERTH_TRY(write, db_->prepare("INSERT INTO authority (name, certificate, sha256, state, code, code_expires, added, "
                                      "verified_at, retires, version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
        BERTH_CHECK(write.bind(fresh.name)
                        .bind(fresh.certificate.der())
                        .bind(fresh.certificate.sha256())
                        .bind(to_string(fresh.state))
                        .bind(fresh.code)
                        .bind(fresh.code_expires)
                        .bind(fresh.added)
                        .bind(fresh.verified_at)
                        .bind(fresh.retires)
                        .bind(static_cast<int64_t>(fresh.version))
                        .run());
        return count("trust", 1);
    });
}

result<std::optional<registered_ca>> sqlite_hub_store::find_ca(const std::string& name) {
    BERTH_TRY(read, db_->prepare(BERTH_AUTHORITY_COLUMNS "WHERE name = ?"));
    BERTH_TRY(row, read.bind(name).step());
    if (!row) {
        return std::nullopt;
    }
    BERTH_TRY(found, read_ca(read));
    return found;
}

result<std::vector<registered_ca>> sqlite_hub_store::list_cas() {
    BERTH_TRY(rows, db_->prepare(BERTH_AUTHORITY_COLUMNS "ORDER BY name"));
    std::vector<registered_ca> out;
    for (;;) {
        BERTH_TRY(row, rows.step());
        if (!row) {
            return out;
        }
        BERTH_TRY(one, read_ca(rows));
        out.push_back(std::move(one));
    }
}

result<void> sqlite_hub_store::change_ca(const registered_ca& after) {
    return db_->transaction([&]() -> result<void> {
        BERTH_TRY(write, db_->prepare("UPDATE authority SET state = ?, code = ?, code_expires = ?, verified_at = ?, retires = ?, "
                                      "version = ? WHERE name = ? AND sha256 = ? AND version = ?"));
        BERTH_CHECK(write.bind(to_string(after.state))
                        .bind(after.code)
                        .bind(after.code_expires)
                        .bind(after.verified_at)
                        .bind(after.retires)
                        .bind(static_cast<int64_t>(after.version))
                        .bind(after.name)
                        .bind(after.certificate.sha256())
                        .bind(static_cast<int64_t>(after.version) - 1)
                        .run());
        if (db_->changes() == 0) {
            return changed_meanwhile(after.name);
        }
        return count("trust", 1);
    });
}

result<void> sqlite_hub_store::remove_ca(const registered_ca& before) {
    return db_->transaction([&]() -> result<void> {
        // Enrolments go by names: another CA of this name would inherit the group.
        BERTH_TRY(group, db_->prepare("SELECT id FROM enrolment WHERE (first_ca = ?1 AND first_ca <> '') OR "
                                      "(second_ca = ?1 AND second_ca <> '') LIMIT 1"));
        BERTH_TRY(enrolled, group.bind(before.name).step());
        if (enrolled) {
            const std::string id(group.text(0));
            return fail(error{error_category::usage,
                              "ca_enrolled",
                              fmt::format("the enrolment group \"{}\" is for the CA \"{}\": delete the group, or name another CA "
                                          "in it, first",
                                          id, before.name),
                              {{"ca", before.name}, {"id", id}}});
        }
        BERTH_TRY(write, db_->prepare("DELETE FROM authority WHERE name = ? AND sha256 = ? AND version = ?"));
        BERTH_CHECK(write.bind(before.name).bind(before.certificate.sha256()).bind(static_cast<int64_t>(before.version)).run());
        if (db_->changes() == 0) {
            return changed_meanwhile(before.name);
        }
        return count("trust", 1);
    });
}

result<void> sqlite_hub_store::changed_meanwhile(const std::string& name) {
    BERTH_TRY(there, find_ca(name));
    if (!there) {
        return fail(unknown_ca(name));
    }
    return fail(error{error_category::peer,
                      "etag_mismatch",
                      fmt::format("the registration \"{}\" has been changed since it was read: read it again", name),
                      {{"name", name}, {"etag", there->etag()}}});
}

result<uint64_t> sqlite_hub_store::count_logins(const std::array<uint8_t, 32>& ca) {
    BERTH_TRY(number, ca_number(ca));
    if (number == 0) {
        return 0;
    }
    BERTH_TRY(read, db_->prepare("SELECT COUNT(*) FROM identity WHERE login_ca = ? AND login_ca <> 0"));
    BERTH_TRY(row, read.bind(number).step());
    return row ? static_cast<uint64_t>(read.integer(0)) : 0;
}

result<uint64_t> sqlite_hub_store::trust_generation() {
    BERTH_TRY(value, counted("trust"));
    return static_cast<uint64_t>(value);
}

}  // namespace berth::store

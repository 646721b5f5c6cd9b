// What registered CAs, and signers below them, have revoked.
#include "store/sqlite/hub_store.h"

namespace berth::store {

using namespace registry;

result<void> sqlite_hub_store::keep_list(const registered_ca& of, const pki::crl& list) {
    return db_->transaction([&]() -> result<void> {
        BERTH_TRY(write,
                  db_->prepare("INSERT INTO authority_list (authority, list) SELECT id, ?3 FROM authority WHERE name = ?1 AND "
                               "sha256 = ?2 ON CONFLICT (authority) DO UPDATE SET list = excluded.list"));
        BERTH_CHECK(write.bind(of.name).bind(of.certificate.sha256()).bind(list.der()).run());
        if (db_->changes() == 0) {
            return changed_meanwhile(of.name);
        }
        return count("trust", 1);
    });
}

result<void> sqlite_hub_store::drop_list(const registered_ca& of) {
    return db_->transaction([&]() -> result<void> {
        BERTH_TRY(write, db_->prepare("DELETE FROM authority_list WHERE authority = (SELECT id FROM authority WHERE name = ? AND "
                                      "sha256 = ?)"));
        BERTH_CHECK(write.bind(of.name).bind(of.certificate.sha256()).run());
        return count("trust", 1);
    });
}

result<std::optional<pki::crl>> sqlite_hub_store::list_of(const registered_ca& ca) {
    BERTH_TRY(read,
              db_->prepare("SELECT list FROM authority_list JOIN authority ON id = authority WHERE name = ? AND sha256 = ?"));
    BERTH_TRY(row, read.bind(ca.name).bind(ca.certificate.sha256()).step());
    if (!row) {
        return std::nullopt;
    }
    auto list = pki::crl::parse(read.blob(0));
    if (!list) {
        return fail(
            error_category::environment, "corrupt_store",
            fmt::format("the revocation list of the registered CA \"{}\" cannot be read: {}", ca.name, list.error().message));
    }
    return std::move(*list);
}

result<void> sqlite_hub_store::keep_signer_list(const registered_ca& above, const signer_list& one) {
    return db_->transaction([&]() -> result<void> {
        BERTH_TRY(write, db_->prepare("INSERT INTO signer_list (authority, key, signer, list) SELECT id, ?3, ?4, ?5 FROM "
                                      "authority WHERE name = ?1 AND sha256 = ?2 ON CONFLICT (authority, key) DO UPDATE SET "
                                      "signer = excluded.signer, list = excluded.list"));
        BERTH_CHECK(write.bind(above.name)
                        .bind(above.certificate.sha256())
                        .bind(one.signer.spki_sha256())
                        .bind(one.signer.der())
                        .bind(one.list.der())
                        .run());
        if (db_->changes() == 0) {
            return changed_meanwhile(above.name);
        }
        return count("trust", 1);
    });
}

result<bool> sqlite_hub_store::drop_signer_list(const registered_ca& above, const std::array<uint8_t, 32>& key) {
    bool was_there = false;
    const auto done = db_->transaction([&]() -> result<void> {
        BERTH_TRY(write, db_->prepare("DELETE FROM signer_list WHERE authority = (SELECT id FROM authority WHERE name = ? AND "
                                      "sha256 = ?) AND key = ?"));
        BERTH_CHECK(write.bind(above.name).bind(above.certificate.sha256()).bind(key).run());
        was_there = db_->changes() != 0;
        return was_there ? count("trust", 1) : result<void>();
    });
    return done ? result<bool>(was_there) : fail(done.error());
}

result<std::vector<signer_list>> sqlite_hub_store::signer_lists() {
    BERTH_TRY(rows, db_->prepare("SELECT name, signer, list FROM signer_list JOIN authority ON id = authority WHERE state = ? "
                                 "ORDER BY name, key"));
    rows.bind(to_string(ca_state::verified));
    std::vector<signer_list> out;
    for (;;) {
        BERTH_TRY(row, rows.step());
        if (!row) {
            return out;
        }
        std::string below = rows.text(0);
        auto signer = pki::certificate::parse(rows.blob(1));
        auto list = pki::crl::parse(rows.blob(2));
        if (!signer || !list) {
            return fail(error_category::environment, "corrupt_store",
                        fmt::format("the revocation list of a signer below the registered CA \"{}\" cannot be read: {}", below,
                                    (signer ? list.error() : signer.error()).message));
        }
        out.push_back({std::move(below), std::move(*signer), std::move(*list)});
    }
}

}  // namespace berth::store

// What registered CAs have revoked.
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

}  // namespace berth::store

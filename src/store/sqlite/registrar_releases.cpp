// Releases that the owner asked for: written by `berth registrar release`, passed to the MASA by the running registrar.
#include "store/sqlite/registrar_store.h"

namespace berth::store {

using onboarding::device_identity;
using registry::release_request;

namespace {

release_request read_release(const statement& row) {
    return {static_cast<uint64_t>(row.integer(0)),
            {row.array<32>(1), row.text(2)},
            row.text(3),
            row.integer(4),
            row.integer(5),
            row.text(6)};
}

}  // namespace

result<uint64_t> sqlite_registrar_store::ask_release(const device_identity& device, const std::string& successor,
                                                     unix_seconds now, unix_seconds give_up_at) {
    return db_->transaction([&]() -> result<uint64_t> {
        BERTH_TRY(write, db_->prepare(
                             "INSERT INTO release (root_spki, serial, successor, asked_at, give_up_at) VALUES (?, ?, ?, ?, ?)"));
        BERTH_CHECK(write.bind(device.device_root_spki).bind(device.serial).bind(successor).bind(now).bind(give_up_at).run());
        BERTH_TRY(read, db_->prepare("SELECT max(number) FROM release"));
        BERTH_CHECK(read.step());
        return static_cast<uint64_t>(read.integer(0));
    });
}

result<std::vector<release_request>> sqlite_registrar_store::waiting_releases() {
    BERTH_TRY(read, db_->prepare("SELECT number, root_spki, serial, successor, give_up_at, sent_at, outcome FROM release "
                                 "WHERE answered_at = 0 ORDER BY number"));
    std::vector<release_request> out;
    for (;;) {
        BERTH_TRY(row, read.step());
        if (!row) {
            return out;
        }
        out.push_back(read_release(read));
    }
}

result<void> sqlite_registrar_store::release_sent(uint64_t number, unix_seconds now) {
    BERTH_TRY(write, db_->prepare("UPDATE release SET sent_at = ? WHERE number = ?"));
    return write.bind(now).bind(static_cast<int64_t>(number)).run();
}

result<void> sqlite_registrar_store::release_answered(uint64_t number, const std::string& outcome, unix_seconds now) {
    return db_->transaction([&]() -> result<void> {
        BERTH_TRY(write, db_->prepare("UPDATE release SET answered_at = ?, outcome = ? WHERE number = ? AND answered_at = 0"));
        BERTH_CHECK(write.bind(now).bind(outcome).bind(static_cast<int64_t>(number)).run());
        if (outcome != "released" || db_->changes() == 0) {
            return {};
        }
        BERTH_TRY(revoke,
                  db_->prepare(
                      "UPDATE certificate SET revoked_at = ?1, why = 'released' WHERE revoked_at = 0 AND (root_spki, serial) = "
                      "(SELECT root_spki, serial FROM release WHERE number = ?2)"));
        BERTH_CHECK(revoke.bind(now).bind(static_cast<int64_t>(number)).run());
        return db_->changes() == 0 ? result<void>{}
                                   : db_->execute("UPDATE generation SET value = value + 1 WHERE name = 'revocation'");
    });
}

result<std::optional<release_request>> sqlite_registrar_store::find_release(uint64_t number) {
    BERTH_TRY(
        read,
        db_->prepare("SELECT number, root_spki, serial, successor, give_up_at, sent_at, outcome FROM release WHERE number = ?"));
    BERTH_TRY(row, read.bind(static_cast<int64_t>(number)).step());
    return row ? std::optional(read_release(read)) : std::nullopt;
}

}  // namespace berth::store

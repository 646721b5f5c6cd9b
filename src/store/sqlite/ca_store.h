// A CA's records in one SQLite file, which several CAs may share: root and issuing CAs of one owner, say.
#pragma once

#include "ca/records.h"
#include "store/sqlite/database.h"

#include <map>

namespace berth::store {

class sqlite_ca_store final : public ca::ca_records {
public:
    static result<std::unique_ptr<sqlite_ca_store>> open(const std::string& path, opening how = opening::or_make);

    // How long a write waits for another process's; see database.
    void set_patience(int milliseconds) { db_->set_patience(milliseconds); }
    // One commit for many calls; see database.
    result<void> begin_batch() { return db_->begin_batch(); }
    result<void> end_batch() { return db_->end_batch(); }
    // What `work`, which gives a result, writes is kept if it succeeds, and else undone, also within a batch.
    template <class F>
    auto all_or_nothing(const F& work) -> decltype(work()) {
        return db_->transaction(work);
    }
    // Whether a commit of something succeeds. Errors as of any write.
    result<void> try_write() {
        return db_->transaction([this] {
            return db_->execute("INSERT INTO sequence VALUES (x'', 0) ON CONFLICT (issuer) DO UPDATE SET value = value + 1");
        });
    }
    // What `work` reads is of one moment; see database.
    template <class F>
    auto at_one_moment(const F& work) -> decltype(work()) {
        return db_->at_one_moment(work);
    }

    result<uint64_t> reserve(const ca::key_hash& issuer) override;
    result<uint64_t> append(const ca::issuance& entry) override;
    result<std::optional<ca::issuance>> find(const ca::key_hash& issuer, bytes_view serial) override;
    result<std::vector<ca::issuance>> list(const ca::log_query& query) override;
    result<unix_seconds> newest() override;
    result<uint64_t> count_valid(const ca::key_hash& issuer, const ca::device_key& device, const std::string& profile,
                                 unix_seconds now) override;

    result<bool> revoke(const ca::key_hash& issuer, bytes_view serial, pki::revocation_reason reason, unix_seconds now) override;
    result<bool> withdraw(const ca::withdrawal& what) override;
    result<bool> is_withdrawn(ca::withdrawal_kind kind, bytes_view value) override;
    result<std::vector<ca::withdrawal>> withdrawals() override;
    result<uint32_t> epoch_of(const ca::device_key& device) override;
    result<uint32_t> raise_epoch(const ca::device_key& device, pki::revocation_reason reason, unix_seconds now) override;
    result<ca::certificate_status> status(const ca::key_hash& issuer, bytes_view serial) override;
    result<void> each_revoked(const ca::revocation_query& query,
                              const std::function<void(const pki::revoked_entry&)>& tell) override;
    result<uint64_t> endings() override;
    result<std::vector<uint32_t>> shards(const ca::key_hash& issuer) override;

    result<uint64_t> note_crl(const ca::crl_record& list, uint64_t at_least) override;
    result<std::optional<ca::crl_record>> last_crl(const ca::key_hash& issuer, std::optional<uint32_t> shard,
                                                   bool delta) override;

    result<ca::pending_request> ask(const ca::pending_request& request) override;
    result<ca::pending_request> decide(const std::array<uint8_t, 32>& id, ca::decision d, const std::string& by,
                                       unix_seconds now) override;
    result<std::vector<ca::pending_request>> waiting() override;

    result<void> add_token(const ca::one_time_token& token) override;
    result<ca::one_time_token> find_token(const std::array<uint8_t, 32>& hash, unix_seconds now) override;
    result<ca::one_time_token> use_token(const std::array<uint8_t, 32>& hash, const std::string& identity,
                                         unix_seconds now) override;

private:
    explicit sqlite_ca_store(std::unique_ptr<database> db) : db_(std::move(db)) {}
    // The end of the log, to which the next entry is chained. In a transaction it is read once: nobody else writes meanwhile.
    struct log_end {
        uint64_t number = 0;
        ca::key_hash hash{};
        unix_seconds at = 0;
    };
    result<log_end> end_of_log();
    result<uint32_t> newest_epoch(const ca::device_key& device);
    // The set's number; 0: of none. Nothing: it is new.
    result<std::optional<int64_t>> find_origins(const std::vector<ca::key_hash>& origins);
    result<int64_t> note_origins(const std::vector<ca::key_hash>& origins);
    result<std::vector<ca::key_hash>> origins_noted(int64_t id);
    result<ca::one_time_token> read_token(const std::array<uint8_t, 32>& hash);
    result<std::optional<ca::pending_request>> find_pending(const std::array<uint8_t, 32>& id);

    std::unique_ptr<database> db_;
    // What was read in the transaction that is open (database::moment()), in which nobody else writes.
    log_end end_;
    uint64_t end_read_at_ = 0;
    std::map<bytes, bool> issuers_withdrawn_;
    uint64_t issuers_read_at_ = 0;
};

}  // namespace berth::store

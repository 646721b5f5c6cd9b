// The hub's registry in one SQLite file. A broker on the same machine reads the same file while berthd writes (WAL).
#pragma once

#include "registry/hub/hub_registry.h"
#include "store/sqlite/database.h"

namespace berth::store {

class sqlite_hub_store final : public registry::hub_registry {
public:
    static result<std::unique_ptr<sqlite_hub_store>> open(const std::string& path, opening how = opening::or_make);

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
        return db_->transaction(
            [this] { return db_->execute("INSERT INTO tally VALUES ('tried', 1) ON CONFLICT DO UPDATE SET value = value + 1"); });
    }
    // What `work` reads is of one moment; see database.
    template <class F>
    auto at_one_moment(const F& work) -> decltype(work()) {
        return db_->at_one_moment(work);
    }
    // Changes when another connection has committed.
    result<int64_t> data_version() { return db_->data_version(); }
    // As database's.
    void set_patience(int milliseconds) { db_->set_patience(milliseconds); }

    result<void> add(const registry::identity& fresh) override;
    result<std::optional<registry::identity>> find(const registry::identity_name& name) override;
    result<std::vector<registry::identity>> list(const registry::identity_query& query) override;
    result<registry::identity> change(const registry::identity& before, const registry::identity_settings& settings,
                                      unix_seconds now) override;
    result<void> remove(const registry::identity& before, unix_seconds now) override;
    result<registry::identity> raise_epoch(const registry::identity_name& name, unix_seconds now) override;
    result<bool> knows_thumbprint(const registry::thumbprint& print) override;
    result<void> note_login(const registry::identity_name& name, const std::array<uint8_t, 32>& ca, unix_seconds now) override;
    result<registry::identity_tally> tally() override;

    result<std::vector<registry::identity_event>> events(uint64_t after, size_t most) override;
    result<uint64_t> newest_event() override;
    result<void> forget_events(uint64_t up_to) override;

    result<std::optional<registry::shared_keys>> keys_of(const registry::identity_name& name) override;
    result<registry::identity> set_keys(const registry::identity& before, const registry::shared_keys& keys,
                                        unix_seconds now) override;
    result<registry::hub_settings> settings() override;
    result<void> set(const registry::hub_settings& settings) override;
    result<uint64_t> settings_generation() override;

    result<std::vector<registry::group_policy>> policies() override;
    result<void> set_policy(const registry::group_policy& policy) override;
    result<bool> remove_policy(const std::string& group) override;
    result<uint64_t> policy_generation() override;

    result<void> add_ca(const registry::registered_ca& fresh) override;
    result<std::optional<registry::registered_ca>> find_ca(const std::string& name) override;
    result<std::vector<registry::registered_ca>> list_cas() override;
    result<void> change_ca(const registry::registered_ca& after) override;
    result<void> remove_ca(const registry::registered_ca& before) override;
    result<uint64_t> count_logins(const std::array<uint8_t, 32>& ca) override;
    result<uint64_t> trust_generation() override;
    result<void> keep_list(const registry::registered_ca& of, const pki::crl& list) override;
    result<void> drop_list(const registry::registered_ca& of) override;
    result<std::optional<pki::crl>> list_of(const registry::registered_ca& ca) override;
    result<void> keep_signer_list(const registry::registered_ca& above, const registry::signer_list& one) override;
    result<bool> drop_signer_list(const registry::registered_ca& above, const std::array<uint8_t, 32>& key) override;
    result<std::vector<registry::signer_list>> signer_lists() override;

private:
    friend class sqlite_twin_store;
    friend class certificate_statuses;
    friend class event_positions;
    friend class sqlite_provisioning_store;  // of the same file, and in the same transactions
    friend class sqlite_connection_store;
    friend class sqlite_message_store;
    friend class sqlite_file_store;
    friend class sqlite_lasting_store;
    explicit sqlite_hub_store(std::unique_ptr<database> db) : db_(std::move(db)) {}
    result<void> count(const char* name, int64_t more);
    result<int64_t> counted(const char* name);
    result<void> tell(registry::identity_change what, const registry::identity& about, unix_seconds now);
    result<void> remove_one(const registry::identity& gone, unix_seconds now);
    // As it is now, if it is still the version of `before`. Errors `unknown_identity`, `etag_mismatch`.
    result<registry::identity> unchanged(const registry::identity& before);
    // Why a registration was not found as it was read.
    result<void> changed_meanwhile(const std::string& name);
    result<int64_t> ca_number(const std::array<uint8_t, 32>& sha256);

    std::unique_ptr<database> db_;
};

}  // namespace berth::store

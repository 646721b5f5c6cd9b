// The MASA's records in one SQLite file.
#pragma once

#include "registry/masa_registry.h"
#include "store/sqlite/database.h"

namespace berth::store {

class sqlite_masa_store final : public registry::masa_registry {
public:
    static result<std::unique_ptr<sqlite_masa_store>> open(const std::string& path, opening how = opening::or_make);

    // One commit for many calls; see database.
    result<void> begin_batch() { return db_->begin_batch(); }
    result<void> end_batch() { return db_->end_batch(); }
    // What `work` reads is of one moment; see database.
    template <class F>
    auto at_one_moment(const F& work) -> decltype(work()) {
        return db_->at_one_moment(work);
    }
    // What tells the store key from others, kept when it is asked for the first time: under another key nothing that was sealed
    // could be opened. A store that has records and knows no key yet, an earlier version's, takes what it is told, and the log
    // tells of it. Error `wrong_store_key`.
    result<void> require_store_key(const std::array<uint8_t, 32>& check_value, bool keep = true);
    // Writes a counter that nobody reads: whether the disk takes it.
    result<void> try_write() {
        return db_->transaction([this] {
            return db_->execute("INSERT INTO generation VALUES ('trial', 0) ON CONFLICT (name) DO UPDATE SET value = value + 1");
        });
    }

    result<std::vector<onboarding::customer_record>> customers() override;
    result<uint64_t> trust_generation() override;
    result<std::vector<onboarding::hash_field>> registered_root_keys() override;
    result<void> forget_kk3s() override;
    result<void> put_kk3(const onboarding::waiting_kk3& kk3) override;
    result<std::optional<onboarding::waiting_kk3>> find_kk3(const onboarding::kk3_id_field& id, unix_seconds now) override;
    result<std::optional<onboarding::stored_authorization>> find_authorization(const onboarding::kk3_id_field& id) override;
    result<onboarding::authorization_outcome> authorize(const onboarding::authorization_attempt& attempt) override;
    result<onboarding::authorization_verdict> check_again(const onboarding::stored_authorization& stored,
                                                          const std::string& customer, unix_seconds now) override;
    result<void> erase_voucher(const onboarding::kk3_id_field& id) override;
    result<bool> device_known(const onboarding::device_identity& device) override;
    result<std::string> manufacturer_configuration(const onboarding::device_identity& device) override;
    result<std::vector<std::string>> registrars_of(const onboarding::device_identity& device, unix_seconds now) override;
    result<onboarding::result_verdict> store_result(const onboarding::kk3_id_field& id, const std::string& customer,
                                                    bool installed, const std::string& refusal, unix_seconds now) override;
    result<onboarding::release_verdict> release(const onboarding::device_identity& device, const std::string& customer,
                                                const std::string& successor, unix_seconds now) override;
    result<bool> still_assigned(const onboarding::device_identity& device, const std::string& customer,
                                unix_seconds now) override;
    result<uint64_t> ownership_generation() override;
    result<void> audit(const onboarding::audit_event& event) override;

    result<void> register_customer(const onboarding::customer_record& customer, unix_seconds now) override;
    result<void> set_registrars(const std::string& customer, const std::vector<std::string>& addresses,
                                unix_seconds now) override;
    result<void> remove_customer(const std::string& customer, unix_seconds now) override;
    result<void> add_device(const registry::ownership& device, const std::string& identity, unix_seconds now) override;
    result<std::optional<registry::ownership>> find_device(const onboarding::device_identity& device) override;
    result<std::vector<registry::ownership>> find_serial(const std::string& serial) override;
    result<std::vector<registry::ownership>> list_devices(size_t most, const onboarding::device_identity& after) override;
    result<void> assign(const onboarding::device_identity& device, const std::string& customer, unix_seconds now) override;
    result<void> set_blocked(const onboarding::device_identity& device, bool blocked, unix_seconds now) override;
    result<void> set_revoked(const onboarding::device_identity& device, unix_seconds now) override;
    result<void> set_configuration(const onboarding::device_identity& device, const std::string& json, unix_seconds now) override;
    result<std::vector<registry::audit_entry>> audit_entries(uint64_t after, size_t most) override;
    result<std::optional<registry::audit_entry>> last_audit_entry() override;
    result<std::vector<registry::audit_checkpoint>> checkpoints() override;
    result<void> save_checkpoint(const registry::audit_checkpoint& c) override;

private:
    explicit sqlite_masa_store(std::unique_ptr<database> db) : db_(std::move(db)) {}
    result<registry::ownership> known_device(const onboarding::device_identity& device);
    result<bool> customer_known(const std::string& name);
    result<void> put_device(const registry::ownership& device);
    result<void> bump(std::string_view generation);
    result<uint64_t> generation(std::string_view name);
    result<unix_seconds> vouchers_expire(const onboarding::device_identity& device);
    result<bool> nonce_used(const onboarding::device_identity& device, const std::array<uint8_t, 32>& nonce, unix_seconds now);

    std::unique_ptr<database> db_;
};

}  // namespace berth::store

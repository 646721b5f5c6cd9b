// The registrar's records in one SQLite file.
#pragma once

#include "registry/registrar_registry.h"
#include "store/sqlite/database.h"

namespace berth::store {

class sqlite_registrar_store final : public registry::registrar_registry {
public:
    static result<std::unique_ptr<sqlite_registrar_store>> open(const std::string& path, opening how = opening::or_make);

    result<void> begin_batch() { return db_->begin_batch(); }
    result<void> end_batch() { return db_->end_batch(); }
    // Writes a counter that nobody reads: whether the disk takes it.
    result<void> try_write() {
        return db_->transaction([this] {
            return db_->execute("INSERT INTO generation VALUES ('trial', 0) ON CONFLICT (name) DO UPDATE SET value = value + 1");
        });
    }

    result<void> saw_device(const onboarding::device_identity& device, const onboarding::hash_field& z3_hash,
                            unix_seconds now) override;
    result<void> note_integrity(const onboarding::device_identity& device, const std::string& model, const std::string& verdict,
                                unix_seconds now) override;
    result<uint64_t> waiting_for_approval() override;
    result<onboarding::approval> approval_of(const onboarding::device_identity& device) override;
    result<void> ask_approval(const onboarding::device_identity& device, const std::string& model, unix_seconds now) override;
    result<std::optional<onboarding::issued_certificate>> find_certificate(const onboarding::device_identity& device,
                                                                           const std::string& name,
                                                                           const onboarding::hash_field& spki_hash) override;
    result<onboarding::membership> membership_of(const onboarding::device_identity& device) override;
    result<bool> key_belongs_to_another(const onboarding::device_identity& device,
                                        const onboarding::hash_field& spki_hash) override;
    result<std::vector<bytes>> unanswered_requests(const onboarding::device_identity& device, unix_seconds from) override;
    result<void> save_requests(const onboarding::kk3_id_field& id, const onboarding::device_identity& device, bytes_view requests,
                               unix_seconds now) override;
    result<bool> left_since(const onboarding::device_identity& device, unix_seconds then) override;
    result<void> save_certificates(const std::vector<onboarding::issued_certificate>& certificates, unix_seconds now) override;
    result<void> save_grant(const onboarding::granted& g) override;
    result<onboarding::result_standing> save_result(const onboarding::kk3_id_field& id, const onboarding::device_identity& device,
                                                    const onboarding::hash_field& z3_hash, bool installed,
                                                    const std::string& refusal, unix_seconds now) override;
    result<std::vector<onboarding::undelivered_result>> undelivered_results(const onboarding::hash_field& device_root_spki,
                                                                            size_t most) override;
    result<void> result_delivered(const onboarding::kk3_id_field& id, const std::string& outcome, unix_seconds now) override;
    result<void> revoke_granted(const onboarding::kk3_id_field& id, const std::string& why, unix_seconds now) override;
    result<onboarding::device_configuration> configuration_for(const onboarding::device_identity& device,
                                                               const std::string& model) override;

    result<std::vector<registry::registrar_device>> list_devices(size_t most, const onboarding::device_identity& after) override;
    result<std::vector<registry::registrar_device>> find_serial(const std::string& serial) override;
    result<void> decide(const onboarding::device_identity& device, bool approved, unix_seconds now) override;
    result<void> set_group(const onboarding::device_identity& device, const std::string& group, unix_seconds now) override;
    result<size_t> decommission(const onboarding::device_identity& device, const std::string& why, unix_seconds now) override;
    result<void> recommission(const onboarding::device_identity& device, const std::string& why, unix_seconds now) override;
    result<std::vector<registry::owner_life_entry>> life_of(const onboarding::device_identity& device) override;
    result<uint64_t> decision_generation() override;
    result<uint64_t> set_configuration(registry::configuration_scope scope, const std::string& name, const std::string& json,
                                       unix_seconds now) override;
    result<std::vector<registry::configuration_layer>> configurations() override;
    result<std::vector<onboarding::issued_certificate>> certificates_of(const onboarding::device_identity& device) override;
    result<size_t> revoke_certificates(const onboarding::device_identity& device, const std::string& why,
                                       unix_seconds now) override;
    result<std::vector<revoked_certificate>> revoked_certificates(unix_seconds now) override;
    result<uint64_t> revocation_generation() override;

    result<uint64_t> ask_release(const onboarding::device_identity& device, const std::string& successor, unix_seconds now,
                                 unix_seconds give_up_at) override;
    result<std::vector<registry::release_request>> waiting_releases() override;
    result<void> release_sent(uint64_t number, unix_seconds now) override;
    result<void> release_answered(uint64_t number, const std::string& outcome, unix_seconds now) override;
    result<std::optional<registry::release_request>> find_release(uint64_t number) override;

private:
    explicit sqlite_registrar_store(std::unique_ptr<database> db) : db_(std::move(db)) {}
    result<bool> is_decommissioned(const onboarding::device_identity& device);
    result<void> say_of_life(const onboarding::device_identity& device, std::string_view step, const std::string& why,
                             unix_seconds now);
    result<void> set_approval(const onboarding::device_identity& device, std::string_view approval, unix_seconds now);
    result<void> layers_changed(const onboarding::device_identity& device);
    // The device says that it is of this model; says so to whoever configures it.
    result<void> note_model(const onboarding::device_identity& device, const std::string& model);
    result<std::optional<registry::configuration_layer>> newest_layer(registry::configuration_scope scope,
                                                                      const std::string& name);

    std::unique_ptr<database> db_;
};

}  // namespace berth::store

// What the provisioning service remembers, in the file of the hub's registry.
#pragma once

#include "registry/provisioning/provisioning_registry.h"
#include "store/sqlite/hub_store.h"

namespace berth::store {

class sqlite_provisioning_store final : public registry::provisioning_registry {
public:
    // `hub` outlives it.
    explicit sqlite_provisioning_store(sqlite_hub_store& hub) : db_(*hub.db_) {}

    result<void> together(const std::function<result<void>()>& work) override { return db_.transaction(work); }

    result<void> add(const registry::enrolment& fresh) override;
    result<std::optional<registry::enrolment>> find(registry::enrolment_kind kind, std::string_view id) override;
    result<std::vector<registry::enrolment>> list(const registry::enrolment_query& query) override;
    result<registry::enrolment> change(const registry::enrolment& before, const registry::enrolment_settings& settings,
                                       unix_seconds now) override;
    result<void> remove(const registry::enrolment& before) override;
    result<std::optional<registry::enrolment>> group_of(const std::string& ca) override;

    result<void> put(const registry::registration& r) override;
    result<std::optional<registry::registration>> find_registration(std::string_view id) override;
    result<std::optional<registry::registration>> find_operation(const std::string& operation) override;
    result<std::vector<registry::registration>> list_registrations(const registry::registration_query& query) override;
    result<bool> remove_registration(std::string_view id) override;

    result<void> add_hub(const registry::linked_hub& fresh) override;
    result<void> change_hub(const registry::linked_hub& after) override;
    result<std::vector<registry::linked_hub>> list_hubs() override;
    result<bool> remove_hub(const std::string& host) override;

private:
    result<void> write(const registry::enrolment& e, const char* sql);
    // Error `ca_enrolled`: a group but this one names one of them.
    result<void> check_cas(const registry::enrolment& e);
    // Error `local_hub_exists`.
    result<void> check_local(const registry::linked_hub& hub);
    // As it is now, if it is still the version of `before`.
    result<registry::enrolment> unchanged(const registry::enrolment& before);

    database& db_;
};

}  // namespace berth::store

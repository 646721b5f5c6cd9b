// What the provisioning service remembers: enrolments, what became of who registered, and the hubs to choose from. store/
// implements it beside the hub's registry, in the same records.
//
// All calls of one object are made on one thread.
#pragma once

#include "registry/provisioning/registration.h"

#include <functional>

namespace berth::registry {

struct enrolment_query {
    enrolment_kind kind = enrolment_kind::individual;
    std::string after;  // the id of the last one of the page before; empty: from the start
    size_t most = 1000;
};

struct registration_query {
    std::optional<enrolment_kind> via;  // with `enrolment`: only those that came by it
    std::string enrolment;
    std::string after;
    size_t most = 1000;
};

class provisioning_registry {
public:
    virtual ~provisioning_registry() = default;

    // What `work` writes, here and in the hub's registry of the same records, is kept if it succeeds, and else undone.
    virtual result<void> together(const std::function<result<void>()>& work) = 0;

    // ---- enrolments; ids are found without case
    // Errors (usage) `enrolment_exists`; `ca_enrolled`: another group has one of its CAs.
    virtual result<void> add(const enrolment& fresh) = 0;
    virtual result<std::optional<enrolment>> find(enrolment_kind kind, std::string_view id) = 0;
    // By folded id.
    virtual result<std::vector<enrolment>> list(const enrolment_query& query) = 0;
    // Errors (peer) `unknown_enrolment`, `etag_mismatch`; `ca_enrolled`.
    virtual result<enrolment> change(const enrolment& before, const enrolment_settings& settings, unix_seconds now) = 0;
    // With what is remembered of who came by it: the next one of that id begins anew.
    virtual result<void> remove(const enrolment& before) = 0;
    // The group that names this CA, as its primary or secondary one.
    virtual result<std::optional<enrolment>> group_of(const std::string& ca) = 0;

    // ---- registrations
    // Instead of that of the same id, if there is one.
    virtual result<void> put(const registration& r) = 0;
    virtual result<std::optional<registration>> find_registration(std::string_view id) = 0;
    virtual result<std::optional<registration>> find_operation(const std::string& operation) = 0;
    virtual result<std::vector<registration>> list_registrations(const registration_query& query) = 0;
    // Whether there was one.
    virtual result<bool> remove_registration(std::string_view id) = 0;

    // ---- hubs, by host
    // Error (usage) `hub_exists`; `local_hub_exists`: another is the local one.
    virtual result<void> add_hub(const linked_hub& fresh) = 0;
    // Error (peer) `unknown_linked_hub`; `local_hub_exists`.
    virtual result<void> change_hub(const linked_hub& after) = 0;
    virtual result<std::vector<linked_hub>> list_hubs() = 0;
    virtual result<bool> remove_hub(const std::string& host) = 0;
};

}  // namespace berth::registry

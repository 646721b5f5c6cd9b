// What the service keeps in memory: operations, and what was found out for them. For service.cpp and service_steps.cpp alone.
#pragma once

#include "crypto/hash.h"
#include "provisioning/registration_body.h"
#include "provisioning/service.h"
#include "provisioning/visits.h"

#include <list>
#include <unordered_map>

namespace berth::provisioning {

struct service::impl {
    struct operation {
        std::string id;
        std::string registration;  // folded
        state at = state::unassigned;
        caller from;
        matched who;
        crypto::digest body;  // to know it again
        std::optional<pki::verified_csr> csr;
        std::optional<registry::registration> before;
        std::vector<registry::linked_hub> hubs;  // that a webhook was told
        unix_seconds began = 0;
        registry::registration outcome;  // of a final state
        std::vector<pki::certificate> issued;
        std::string authentication_key;  // for a TPM, base64
    };
    using place = std::list<operation>::iterator;

    impl(service_settings s, registry::hub_registry& h, registry::provisioning_registry& p, random_source& r,
         certificate_issuer* i, registry::twin_registry* t)
        : settings(std::move(s)),
          hub(h),
          records(p),
          random(r),
          issuer(i),
          twins(t),
          seen(settings.window, settings.most_operations),
          given(settings.issuing_window, settings.most_operations),
          tpms(settings.most_operations, settings.operation_lasts) {}

    result<void> refresh(unix_seconds now);
    result<matched> match(const caller& who, std::string_view registration_id, unix_seconds now);
    answer refuse(error_code code, std::string message, unix_seconds now) {
        return refusal(code, std::move(message), random, now);
    }
    answer not_authorised(const caller& who, std::string_view registration_id, const error& why, unix_seconds now);
    // Who shows a TPM: a challenge, until he signs with the key that only it could read.
    answer begin_by_tpm(const caller& who, std::string_view registration_id, std::string_view body, unix_seconds now);
    // Of whom an enrolment has taken in.
    answer start(const caller& who, matched found, registration_body asked, std::string_view body, unix_seconds now);
    // By which certificate, or TPM, somebody asks on. Nothing: by none.
    std::optional<registry::thumbprint> print_of(const caller& who, std::string_view registration_id, unix_seconds now);
    answer too_many(std::string message, unix_seconds now) { return too_many(std::move(message), settings.window, now); }
    answer too_many(std::string message, unix_seconds wait, unix_seconds now);
    void forget(place op);
    void forget_old(unix_seconds now);
    bool make_room(unix_seconds now);
    void step(operation& op, event on);
    answer assigning(const operation& op, unsigned status) const;
    answer standing(const operation& op) const;
    result<void> allocate(operation& op, const wire::json::value& payload, unix_seconds now);
    void settle_at(operation& op, const registry::linked_hub& at, initial_twin twin, std::string payload, unix_seconds now);
    void end(operation& op, event on, const error& why, unix_seconds now);
    place waiting(const std::string& id);

    service_settings settings;
    registry::hub_registry& hub;
    registry::provisioning_registry& records;
    random_source& random;
    certificate_issuer* issuer;
    registry::twin_registry* twins;
    std::vector<pki::crl> lists;
    std::optional<enrolment_trust> trust;
    uint64_t trust_generation = 0;
    unix_seconds trust_built = 0;
    std::list<operation> operations;  // the oldest first
    std::unordered_map<std::string, place> by_id, by_registration;
    visit_book seen;   // by folded id
    visit_book given;  // certificates, the same
    tpm_desk tpms;     // the same
    std::vector<webhook_wish> wishes;
    std::vector<std::string> touched;  // operations that have gone on since the last commit
};

wire::json::object outcome_json(const std::string& operation, const registry::registration& r,
                                const std::vector<pki::certificate>& issued, const std::string& authentication_key = {});

}  // namespace berth::provisioning

// The manufacturer's side of the domain: what the MASA and its operator's commands do with customers, devices and the
// audit log. store/ implements it.
#pragma once

#include "onboarding/masa/records.h"
#include "registry/audit.h"
#include "registry/ownership.h"

namespace berth::registry {

class masa_registry : public onboarding::masa_records {
public:
    // Errors `customer_exists`, `root_in_use` ("its key registered once").
    virtual result<void> register_customer(const onboarding::customer_record& customer, unix_seconds now) = 0;
    virtual result<void> set_registrars(const std::string& customer, const std::vector<std::string>& addresses,
                                        unix_seconds now) = 0;
    // Open vouchers stay until they expire. Error `unknown_customer`.
    virtual result<void> remove_customer(const std::string& customer, unix_seconds now) = 0;

    // `identity`: SHA-256 of its Z3 in hexadecimal, which the log's entry `manufactured` keeps as its id. Error `device_exists`.
    virtual result<void> add_device(const ownership& device, const std::string& identity, unix_seconds now) = 0;
    virtual result<std::optional<ownership>> find_device(const onboarding::device_identity& device) = 0;
    // By serial alone, for commands; several makers may use one.
    virtual result<std::vector<ownership>> find_serial(const std::string& serial) = 0;
    // By serial, then maker; from behind `after` on, which the first page leaves empty.
    virtual result<std::vector<ownership>> list_devices(size_t most, const onboarding::device_identity& after) = 0;

    // Errors `unknown_device`, `unknown_customer`, and those of ownership.h.
    virtual result<void> assign(const onboarding::device_identity& device, const std::string& customer, unix_seconds now) = 0;
    virtual result<void> set_blocked(const onboarding::device_identity& device, bool blocked, unix_seconds now) = 0;
    virtual result<void> set_revoked(const onboarding::device_identity& device, unix_seconds now) = 0;
    virtual result<void> set_configuration(const onboarding::device_identity& device, const std::string& json,
                                           unix_seconds now) = 0;

    virtual result<std::vector<audit_entry>> audit_entries(uint64_t after, size_t most) = 0;
    virtual result<std::optional<audit_entry>> last_audit_entry() = 0;
    virtual result<std::vector<audit_checkpoint>> checkpoints() = 0;
    virtual result<void> save_checkpoint(const audit_checkpoint& c) = 0;
};

}  // namespace berth::registry

// Operational certificates for the hub's devices, by a CA of a directory that `berth ca` keeps (docs/ca.md). What it issues
// stands in the records of that CA, and names the device as it logs in.
#pragma once

#include "base/random.h"
#include "provisioning/operational.h"
#include "registry/hub/hub_registry.h"
#include "roles/hub_issuer_config.h"
#include "setup/ca_directory.h"

namespace berth::app {

class operational_issuer {
public:
    // Errors of the directory; `unknown_profile`, `unknown_authority`; `bad_config`: a profile that gives the hub's devices
    // nothing, or what they cannot log in with.
    static result<std::unique_ptr<operational_issuer>> open(const hub_issuer_config& config, store::opening how);

    // Error `issuer_not_registered` (environment): with what it issues nobody could log in at this hub.
    [[nodiscard]] result<void> check_registered(const std::vector<registry::registered_ca>& known, unix_seconds now) const;
    // Errors of certificate_issuer; those of ca::issuer::issue, `bad_name`. `store_busy` soon where another process writes to the
    // CA's records, and for a while after that at once: all of the hub waits here meanwhile.
    result<std::vector<pki::certificate>> issue(const provisioning::issue_order& order, const clock& time, random_source& random);

private:
    operational_issuer(ca_directory directory, ca::profile profile, ca::issuer issuer, const hub_issuer_config& config);
    result<ca::requester> requester_of(const provisioning::issue_order& order) const;
    result<std::vector<pki::certificate>> issue_now(const provisioning::issue_order& order, const clock& time,
                                                    random_source& random);
    // So that what the hub has ended is ended at the CA, and what is issued from now on is not.
    result<void> follow_epoch(const ca::device_key& device, uint32_t epoch, unix_seconds now);

    ca_directory directory_;
    ca::profile profile_;
    ca::issuer issuer_;
    ca::proof proof_;
    unix_seconds lifetime_;
    std::optional<milliseconds> busy_at_;
};

// The issuer of now, for who keeps a reference: a reload may bring another, or none.
class issuing_desk final : public provisioning::certificate_issuer {
public:
    struct surroundings {
        const clock& time;
        random_source& random;
        registry::hub_registry& hub;
        // Before the records are written to: whoever serves the same directory in this process ends its transaction. May be
        // empty.
        std::function<void()> make_way = {};
    };
    explicit issuing_desk(surroundings around) : around_(std::move(around)) {}
    void set(std::shared_ptr<operational_issuer> issuer);
    void make_way() const;

    result<std::vector<pki::certificate>> issue(const provisioning::issue_order& order) override;

private:
    surroundings around_;
    std::shared_ptr<operational_issuer> issuer_;
};

}  // namespace berth::app

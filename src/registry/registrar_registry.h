// The customer's side of the domain: devices seen and onboarded, approvals, configuration, certificates. store/ implements it.
#pragma once

#include "onboarding/registrar/records.h"
#include "registry/configuration.h"

namespace berth::registry {

struct registrar_device {
    onboarding::device_identity device;
    std::string model;
    std::string firmware;
    std::string group;
    onboarding::approval approval = onboarding::approval::unknown;
    unix_seconds first_seen = 0;
    unix_seconds last_seen = 0;
    unix_seconds onboarded_at = 0;       // 0: not yet
    std::string last_result;             // "installed" or a refusal's name
    uint64_t configuration_version = 0;  // that came with its certificates
    size_t certificates = 0;             // issued to it and not revoked
    std::string revoked_for;             // where all are revoked: why, the last time
    std::string integrity = {};          // of its last quote: "met", or why it was refused; empty: none was asked for
    unix_seconds integrity_at = 0;
    unix_seconds decommissioned_at = 0;  // 0: it is not, or was taken back
};

// A line of a device's history at its owner.
struct owner_life_entry {
    unix_seconds at = 0;
    std::string step;   // seen, certified, installed, refused, released, revoked, decommissioned, recommissioned
    std::string about;  // names, why, to whom
};

struct release_request {
    uint64_t number = 0;
    onboarding::device_identity device;
    std::string successor;
    unix_seconds give_up_at = 0;
    unix_seconds sent_at = 0;  // 0: the MASA was not told yet
    std::string outcome;       // empty: unanswered; "released", or the name of the refusal
};

class registrar_registry : public onboarding::registrar_records {
public:
    // By serial, then maker; from behind `after` on, which the first page leaves empty.
    virtual result<std::vector<registrar_device>> list_devices(size_t most, const onboarding::device_identity& after) = 0;
    virtual result<std::vector<registrar_device>> find_serial(const std::string& serial) = 0;
    // Both also of a device that was never seen here. Error of an approval: `decommissioned`.
    virtual result<void> decide(const onboarding::device_identity& device, bool approved, unix_seconds now) = 0;
    virtual result<void> set_group(const onboarding::device_identity& device, const std::string& group, unix_seconds now) = 0;
    // Its life here has ended: what was issued to it is revoked, and it is refused until it is taken back; an approval is
    // refused until then, too (`decommissioned`). Says how many certificates were not revoked before. Also of a device that was
    // never seen here. Error `decommissioned`: it was before.
    virtual result<size_t> decommission(const onboarding::device_identity& device, const std::string& why, unix_seconds now) = 0;
    // It may be onboarded again. Error `not_decommissioned`.
    virtual result<void> recommission(const onboarding::device_identity& device, const std::string& why, unix_seconds now) = 0;
    // All that happened to it here, oldest first.
    virtual result<std::vector<owner_life_entry>> life_of(const onboarding::device_identity& device) = 0;
    virtual result<uint64_t> waiting_for_approval() = 0;  // how many
    // Changes whenever an operator decided something; for open sessions.
    virtual result<uint64_t> decision_generation() = 0;

    // Returns the new version.
    virtual result<uint64_t> set_configuration(configuration_scope scope, const std::string& name, const std::string& json,
                                               unix_seconds now) = 0;
    virtual result<std::vector<configuration_layer>> configurations() = 0;

    virtual result<std::vector<onboarding::issued_certificate>> certificates_of(const onboarding::device_identity& device) = 0;
    // All that were issued to the device. Returns how many were not revoked before.
    virtual result<size_t> revoke_certificates(const onboarding::device_identity& device, const std::string& why,
                                               unix_seconds now) = 0;
    // Serials for the CRL: of every certificate that was revoked and has not expired.
    struct revoked_certificate {
        bytes serial;
        unix_seconds at = 0;
        std::string why;
    };
    virtual result<std::vector<revoked_certificate>> revoked_certificates(unix_seconds now) = 0;
    // Changes whenever a certificate is revoked, by whomever: the CRL is then due.
    virtual result<uint64_t> revocation_generation() = 0;

    // The owner's wish to give a device away, on its way through the running registrar to the MASA. The registrar gives up
    // at `give_up_at`.
    virtual result<uint64_t> ask_release(const onboarding::device_identity& device, const std::string& successor,
                                         unix_seconds now, unix_seconds give_up_at) = 0;
    // Those that were not answered yet, oldest first.
    virtual result<std::vector<release_request>> waiting_releases() = 0;
    virtual result<void> release_sent(uint64_t number, unix_seconds now) = 0;
    // The first answer stays, "given_up" excepted: then nobody waits any more. "released" also revokes what was issued to the
    // device: it is no longer this customer's.
    virtual result<void> release_answered(uint64_t number, const std::string& outcome, unix_seconds now) = 0;
    virtual result<std::optional<release_request>> find_release(uint64_t number) = 0;
};

}  // namespace berth::registry

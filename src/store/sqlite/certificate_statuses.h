// What OCSP responders say of certificates that come to a hub, in the file of its registry.
#pragma once

#include "registry/hub/certificate_status.h"
#include "store/sqlite/hub_store.h"

namespace berth::store {

class certificate_statuses {
public:
    // `hub` outlives it.
    explicit certificate_statuses(sqlite_hub_store& hub) : hub_(hub), db_(*hub.db_) {}

    // ---- whether a registered CA's responder is asked. Nothing: it is not.
    result<std::optional<registry::ocsp_rule>> rule_of(const registry::registered_ca& ca);
    // A change of what is trusted. Errors of check_ocsp_rule; `unknown_ca`, `etag_mismatch`.
    result<void> set_rule(const registry::registered_ca& ca, const std::optional<registry::ocsp_rule>& rule);

    // ---- what brokers do
    // Nothing: it was never asked about, or without an answer so far.
    result<std::optional<registry::certificate_status>> find(const registry::certificate_id& which);
    // That its holder has come, or is here still. `der` empty: whoever is not known yet is passed over.
    result<void> want(const registry::certificate_id& which, bytes_view der, unix_seconds now);
    // One more with each that is found revoked; and which those are.
    result<uint64_t> endings();
    result<std::vector<registry::certificate_id>> ended_since(uint64_t ending);

    // ---- what berthd does
    struct question {
        registry::certificate_id which;
        bytes certificate;             // DER
        unix_seconds this_update = 0;  // of the last answer; 0: there was none
    };
    // Of those whose holders were seen since `seen`, the longest due first.
    result<std::vector<question>> due(unix_seconds now, unix_seconds seen, size_t most);
    // Whether it was found revoked, and was not before.
    result<bool> learn(const registry::certificate_id& which, const registry::certificate_status& status, unix_seconds due);
    result<void> put_off(const registry::certificate_id& which, unix_seconds due);
    // Whose holders were not seen since then. How many went.
    result<size_t> forget(unix_seconds seen);

private:
    sqlite_hub_store& hub_;
    database& db_;
};

}  // namespace berth::store

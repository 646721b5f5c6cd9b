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
    // Whose holder has come, or is here still.
    struct wish {
        registry::certificate_id which;
        bytes der = {};           // empty: it is passed over unless it is known already
        unix_seconds ends = 0;    // with `der`: when the certificate does
        std::string holder = {};  // with `der`: whose it is. Of each holder the newest `most_of_one` are kept. Empty: a CA's
    };
    static constexpr size_t most_of_one = 4;
    result<void> want(const wish& one, unix_seconds now);
    // One more with each that is found revoked; and which those are.
    result<uint64_t> endings();
    result<std::vector<registry::certificate_id>> ended_since(uint64_t ending);

    // ---- what berthd does
    struct question {
        registry::certificate_id which;
        bytes certificate;             // DER
        unix_seconds this_update = 0;  // of the last answer; 0: there was none
    };
    struct dues {
        std::vector<question> questions;
        bool stale = false;  // there were others, for rest()
    };
    // Of one CA's, the longest due first: looks at `most`, and gives those that are in force and whose holders were seen since
    // `seen`.
    result<dues> due(const std::array<uint8_t, 32>& issuer_key, unix_seconds now, unix_seconds seen, size_t most);
    // Of as many, the others are not due any more until they are wanted again: they would stand in the way of those that are. How
    // many.
    result<size_t> rest(const std::array<uint8_t, 32>& issuer_key, unix_seconds now, unix_seconds seen, size_t most);
    // Whether it was found revoked, and was not before.
    result<bool> learn(const registry::certificate_id& which, const registry::certificate_status& status, unix_seconds due);
    result<void> put_off(const registry::certificate_id& which, unix_seconds due);
    // Those that have ended, and those whose holders were not seen since `seen`; not many more than `most`. How many went.
    result<size_t> forget(unix_seconds now, unix_seconds seen, size_t most);

private:
    sqlite_hub_store& hub_;
    database& db_;
};

}  // namespace berth::store

// The provisioning service: devices that an enrolment takes in are told which hub is theirs, and made known there. Without I/O:
// calls are answered at once, and what has to be asked of others is a wish that the caller carries out.
//
//   begin()  -> 202 {"operationId", "status": "assigning", "registrationState"}, retry-after
//   status() -> 200 the same, or {"operationId", "status": "assigned" | "failed" | "disabled", "registrationState"}
//
// Always in these two steps, since SDKs exist that take nothing else. A body is never empty.
//
// Operations live in memory; outcomes are records. After a restart an outcome is told as before, unless a certificate was issued
// with it; all else is `no_operation`: the device registers again.
#pragma once

#include "provisioning/answer.h"
#include "provisioning/operational.h"
#include "provisioning/transitions.h"
#include "provisioning/webhook.h"

#include <memory>

namespace berth::provisioning {

inline constexpr size_t most_registration_body = 64 * 1024;

struct service_settings {
    std::string id_scope;      // that callers must name
    unsigned retry_after = 2;  // seconds until a device asks again
    size_t most_operations = 10'000;
    unix_seconds operation_lasts = 600;
    unix_seconds webhook_lasts = 30;    // then the registration has failed
    unix_seconds window = 10;           // within which a device may
    unsigned most_polls = 5;            // ask how its operation stands
    unsigned most_begins = 5;           // and register
    unix_seconds issuing_window = 600;  // within which a device is given
    unsigned most_issued = 5;           // certificates, at the most, as when it renews them (renewal.h)
};

class service {
public:
    // All outlive it. Without an issuer requests for certificates are refused, without twins nothing is desired of devices.
    service(service_settings settings, registry::hub_registry& hub, registry::provisioning_registry& records,
            random_source& random, certificate_issuer* issuer = nullptr, registry::twin_registry* twins = nullptr);
    ~service();
    service(const service&) = delete;
    service& operator=(const service&) = delete;

    // Revocation lists of CAs below registered ones, beside those that the registry has; from now on, instead of all others.
    void set_lists(std::vector<pki::crl> lists);

    // Whether the caller may register under this id at all, for whoever has to decide at the door (CONNECT). Nothing: it may.
    std::optional<answer> refuses(const caller& who, std::string_view registration_id, unix_seconds now);
    // `body`: JSON, or blank.
    answer begin(const caller& who, std::string_view registration_id, std::string_view body, unix_seconds now);
    // Of the same device (its leaf certificate) alone.
    answer status(const caller& who, std::string_view registration_id, std::string_view operation, unix_seconds now);
    // What became of its registration: its registrationState.
    answer lookup(const caller& who, std::string_view registration_id, unix_seconds now);

    // What none of these is: 404 or 405, in words.
    answer no_such_thing(unsigned status, std::string why, unix_seconds now);

    // In place of an answer that has no room in a message.
    answer too_large(unix_seconds now);

    // What has to be asked of others since the last call.
    std::vector<webhook_wish> take_wishes();
    // What they said. An operation that is not waiting (any more) is passed over.
    void webhook_answered(const std::string& operation, unsigned status, std::string_view body, unix_seconds now);
    void webhook_failed(const std::string& operation, const error& why, unix_seconds now);

    // What was written since the last of these two is kept, or it is not: then what was answered meanwhile must not be told, and
    // is not known any more. Its devices register again. Wishes are taken after kept().
    void kept();
    void rolled_back();

    [[nodiscard]] size_t pending() const;  // operations without an outcome

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace berth::provisioning

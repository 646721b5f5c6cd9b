// What the MASA needs remembered (docs/onboarding.md sections 5 and 7). store/ implements it; every implementation passes
// tests/conformance/store.
#pragma once

#include "base/clock.h"
#include "onboarding/identity.h"
#include "onboarding/messages/common.h"

#include <optional>
#include <string>
#include <vector>

namespace berth::onboarding {

// A customer that registered its root Z2 with proof of possession.
struct customer_record {
    std::string name;
    bytes root;                           // Z2, DER
    std::vector<std::string> registrars;  // host:port, best first; for rendezvous
};

// "The keys wait under kk3_id, encrypted, in the shared store, for at most 10 minutes".
struct waiting_kk3 {
    kk3_id_field id{};
    device_identity device;
    hash_field z3_hash{};
    bytes sealed_keys;  // encrypted by the MASA's store key
    unix_seconds expires_at = 0;
};

// An answer that was given: one per KK3, ever.
struct stored_authorization {
    kk3_id_field id{};
    hash_field bi2_hash{};
    device_identity device;
    hash_field z3_hash{};
    std::string customer;
    bytes bi1;
    bytes sealed_voucher;  // empty once a resend was refused
};

struct authorization_attempt {
    stored_authorization answer;
    std::array<uint8_t, 32> nonce{};
    hash_field registrar_leaf_hash{};
    unix_seconds now = 0;
    unix_seconds voucher_expires_at = 0;
    std::string log_id;  // the onboarding's id in logs: hex of kk3_id
};

// What the one transaction of section 5 found.
enum class authorization_verdict : uint8_t {
    stored,         // ours is the answer
    stored_before,  // another node answered this very BI2: send its octets
    not_assigned,
    assigned_elsewhere,  // told to the peer as not_assigned
    blocked,
    revoked,
    replayed_nonce,
    kk3_reused,
};

struct authorization_outcome {
    authorization_verdict verdict = authorization_verdict::not_assigned;
    stored_authorization stored;  // for stored_before
};

// A line of the audit log before it is chained.
struct audit_event {
    unix_seconds at = 0;
    std::string event;  // "authorized", "refused", "assigned", ...
    device_identity device;
    std::string customer;  // empty where none is known
    std::string outcome;   // "ok" or the refusal's name
    std::string log_id;
};

enum class result_verdict : uint8_t { acknowledged, withdrawn, unknown };
enum class release_verdict : uint8_t { released, not_owner, unknown_successor };

class masa_records {
public:
    virtual ~masa_records() = default;

    // Registered customers, for trust; `trust_generation` changes whenever the answer would.
    virtual result<std::vector<customer_record>> customers() = 0;
    virtual result<uint64_t> trust_generation() = 0;
    // SHA-256 of the SubjectPublicKeyInfo of every root that was ever registered, those of removed customers included.
    virtual result<std::vector<hash_field>> registered_root_keys() = 0;

    // Replaces what waits for the same device: "One live KK3 per identity: the newest wins."
    virtual result<void> put_kk3(const waiting_kk3& kk3) = 0;
    // Trust in devices has changed: what was verified before counts no more.
    virtual result<void> forget_kk3s() = 0;
    virtual result<std::optional<waiting_kk3>> find_kk3(const kk3_id_field& id, unix_seconds now) = 0;

    virtual result<std::optional<stored_authorization>> find_authorization(const kk3_id_field& id) = 0;
    // "One transaction reads the ownership row and inserts, if absent, under kk3_id: SHA-256(BI2), customer, sealed voucher,
    // nonce, audit entry." On `stored` the waiting keys are erased in the same transaction. A refusal is the caller's to audit.
    virtual result<authorization_outcome> authorize(const authorization_attempt& attempt) = 0;
    // The ownership checks of a resend, nonce excepted. A refusal erases the stored voucher.
    virtual result<authorization_verdict> check_again(const stored_authorization& stored, const std::string& customer,
                                                      unix_seconds now) = 0;
    virtual result<void> erase_voucher(const kk3_id_field& id) = 0;

    // Whether the manufacturer has made it, or says so.
    virtual result<bool> device_known(const device_identity& device) = 0;
    // The manufacturer's configuration for a device, JSON or empty.
    virtual result<std::string> manufacturer_configuration(const device_identity& device) = 0;
    // The addresses that the owner of a device registered; empty when nobody owns it.
    virtual result<std::vector<std::string>> registrars_of(const device_identity& device, unix_seconds now) = 0;

    // Idempotent. `customer` must be the one that was authorised.
    virtual result<result_verdict> store_result(const kk3_id_field& id, const std::string& customer, bool installed,
                                                const std::string& refusal, unix_seconds now) = 0;
    virtual result<release_verdict> release(const device_identity& device, const std::string& customer,
                                            const std::string& successor, unix_seconds now) = 0;

    // Whether an authorisation still holds (neither blocked nor released nor revoked since); for open sessions.
    virtual result<bool> still_assigned(const device_identity& device, const std::string& customer, unix_seconds now) = 0;
    // Changes whenever some device's ownership does, by whomever.
    virtual result<uint64_t> ownership_generation() = 0;

    virtual result<void> audit(const audit_event& event) = 0;
};

}  // namespace berth::onboarding

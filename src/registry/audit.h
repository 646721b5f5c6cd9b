// The audit log: append-only, "each entry holding the hash of the one before, with signed checkpoints (ML-DSA-65)"
// (docs/onboarding.md section 5).
//
// hash(n) = SHA-256( "berth audit 1" || hash(n-1) || canonical(n) ), hash(0) = 32 zero octets; canonical() is the TLS
// presentation of the entry's fields below. A checkpoint signs "berth audit checkpoint 1" || number || time || hash.
#pragma once

#include "base/clock.h"
#include "crypto/sign.h"
#include "onboarding/masa/records.h"

#include <array>

namespace berth::registry {

using audit_hash = std::array<uint8_t, 32>;

struct audit_entry {
    uint64_t number = 0;  // from 1, without gaps
    onboarding::audit_event what;
    audit_hash previous{};
    audit_hash hash{};
};

// The hash that `entry` must have, given its fields and `previous`.
audit_hash hash_of(uint64_t number, const onboarding::audit_event& what, const audit_hash& previous);

struct audit_checkpoint {
    uint64_t number = 0;  // of the last entry that it covers
    unix_seconds at = 0;
    audit_hash hash{};
    bytes signature;  // ML-DSA-65
};

result<audit_checkpoint> sign_checkpoint(uint64_t number, const audit_hash& hash, unix_seconds now,
                                         const crypto::signing_key& key);
// Error `bad_signature`, with param "number".
result<void> check_checkpoint(const audit_checkpoint& c, const crypto::verification_key& key);

// Walks entries in order; says the number of the first that does not fit.
class audit_verifier {
public:
    // Errors `audit_gap`, `audit_altered`, each with param "number".
    result<void> next(const audit_entry& entry);
    // The checkpoint must cover an entry walked already, with its hash. Errors `audit_altered`, `bad_signature`.
    result<void> check(const audit_checkpoint& c, const crypto::verification_key& key) const;
    [[nodiscard]] uint64_t count() const { return hashes_.size(); }

private:
    std::vector<audit_hash> hashes_;
};

}  // namespace berth::registry

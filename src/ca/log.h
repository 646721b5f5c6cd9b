// The issuance log: append-only, each entry with the hash of the one before.
//
// hash(n) = SHA-256( "berth issuance 2" || hash(n-1) || number || each field, after its length ), hash(0) = 32 zero octets.
// Entries of versions that knew no origins have "berth issuance 1", and all fields but these.
#pragma once

#include "ca/records.h"

namespace berth::ca {

// Its origins in order, each once, with proof_issuer, proof_anchor and the device's maker among them.
std::vector<key_hash> origins_of(const issuance& entry);
key_hash hash_of(const issuance& entry, const key_hash& previous);

// Walks entries in order. Errors `log_gap`, `log_altered` (category usage), with param "number".
class log_verifier {
public:
    result<void> next(const issuance& entry);
    [[nodiscard]] uint64_t count() const { return count_; }
    [[nodiscard]] const key_hash& last() const { return last_; }

private:
    uint64_t count_ = 0;
    key_hash last_{};
};

}  // namespace berth::ca

// The transcript of a handshake.
#pragma once

#include "crypto/hash.h"

namespace berth::authkem {

// Profile 5: "The transcript hashes the handshake messages exactly as received, never a re-encoding." One
// running hash; each transcript hash of the key schedule is a look at it.
class transcript {
public:
    explicit transcript(crypto::hash_algorithm hash) : hasher_(hash) {}

    // One whole message with its header, sent or received.
    void add(bytes_view message) { hasher_.update(message); }

    // Hash(every message so far).
    [[nodiscard]] crypto::digest hash() const { return hasher_.peek(); }

private:
    crypto::hasher hasher_;
};

}  // namespace berth::authkem

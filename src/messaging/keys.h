// Keys of a relationship: making them, taking in the other party's, and those for small messages that both derive
// (docs/message-security.md sections 2 and 4).
#pragma once

#include "jose/keys.h"
#include "messaging/peer.h"

namespace berth::messaging {

inline constexpr std::string_view own_encryption_algorithm = "HPKE-9";  // MLKEM768-X25519

// A new own encryption key. `alg` and `group` as generate_jwk has them. Error algorithm_refused.
result<own_key> make_own_key(std::string_view alg, random_source& random);
result<jose::opening_key> opening_key_of(const own_key& key);
result<json::object> public_half(const own_key& key);

// Public keys as another party sends them: only what the algorithm needs is kept. Errors of jose::read_*_key; secret_in_key: it
// has a private half.
result<json::object> take_signature_key(const json::object& jwk);
result<json::object> take_encryption_key(const json::object& jwk);

// HKDF-SHA256; `transcript` is hashed. The keys of each direction and the id name both parties.
session_keys derive_session(bytes_view secret, bytes_view transcript, role own, const std::string& manager,
                            const std::string& gateway);

}  // namespace berth::messaging

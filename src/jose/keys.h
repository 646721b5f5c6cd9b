// Keys of messages: what a JSON Web Key (RFC 7517) becomes once it has been looked at. Algorithm, content encryption and the
// draft that numbers mean are pinned here, when the key is taken in: a token has no say in them.
//
// Private halves of signing and HPKE keys may lie with any back end of keystore/.
#pragma once

#include "base/random.h"
#include "crypto/agreement.h"
#include "crypto/ed25519.h"
#include "crypto/hpke_kems.h"
#include "jose/algorithms.h"
#include "keystore/agreement_key.h"
#include "keystore/key.h"
#include "wire/json.h"

#include <string>
#include <variant>

namespace berth::jose {

// The draft that the numbers of HPKE-8 to HPKE-13 are of; member "draft" of such a key's JWK, without which it is not taken.
inline constexpr std::string_view hpke_pq_draft = "draft-ietf-jose-hpke-pq-pqt-01";

struct verification_key {
    signature_alg alg;
    std::string kid;  // RFC 7638 thumbprint (SHA-256, base64url), whatever its maker called it
    std::variant<crypto::verification_key, crypto::ed25519_public_key> key;
    std::string called = {};  // what its JWK says instead (kid), and tokens too may say; empty: nothing, or the same
};

struct signing_key {
    verification_key pub;
    std::variant<keystore::signing_key_ptr, crypto::ed25519_private_key> key;
};

// Whom messages can be sealed for.
struct recipient_key {
    key_alg alg;
    content_alg enc = content_alg::a256gcm;  // of ECDH-ES and dir; HPKE suites bring their own
    std::string kid;
    std::variant<crypto::agreement_public_key, crypto::kem_public_key, crypto::x_wing_public_key, secret_bytes> key;
    std::string called = {};  // as above
};

struct opening_key {
    recipient_key pub;
    // A secret that both have (dir) stands in pub.key.
    std::variant<std::monostate, keystore::agreement_key_ptr, keystore::kem_key_ptr, crypto::x_wing_private_key> key;
    // Of the ephemeral points in messages (ECDH-ES).
    crypto::point_validation points = crypto::point_validation::partial;
};

// What a JWK says that it is for. Errors of reading: `bad_jwk` (usage) with what is wrong and what it should be,
// `algorithm_refused`, `wrong_key_use` (its "use" or "key_ops" say otherwise), bad_public_key, bad_private_key.
result<verification_key> read_verification_key(const wire::json::object& jwk);
result<signing_key> read_signing_key(const wire::json::object& jwk);
// `points`: how its point is looked at, and (opening) those of messages later.
result<recipient_key> read_recipient_key(const wire::json::object& jwk,
                                         crypto::point_validation points = crypto::point_validation::partial);
result<opening_key> read_opening_key(const wire::json::object& jwk,
                                     crypto::point_validation points = crypto::point_validation::partial);

// Of keys that lie elsewhere.
result<signing_key> signing_key_of(keystore::signing_key_ptr key);
result<opening_key> opening_key_of(keystore::kem_key_ptr key);
// `alg`: ecdh_es or ecdh_es_a256kw; anything else is our own mistake and aborts.
result<opening_key> opening_key_of(keystore::agreement_key_ptr key, key_alg alg, content_alg enc);
// A secret for `dir`. Error bad_jwk: it has not enc's length.
result<opening_key> shared_key_of(const secret_bytes& secret, content_alg enc, std::string kid);

// Public JWKs, with kid, alg and use; a draft where it needs one.
wire::json::object to_jwk(const verification_key& key);
wire::json::object to_jwk(const recipient_key& key);  // not of dir: aborts

// New keys, held in software, as private JWKs. `alg`: any of algorithms.h but dir's, whose JWK is of type oct with `enc`'s
// length.
result<wire::json::object> generate_jwk(std::string_view alg, content_alg enc, crypto::agreement_group group,
                                        random_source& random);
// Without what is private. Error bad_jwk: of an oct key nothing is left.
result<wire::json::object> public_jwk(const wire::json::object& jwk);

// RFC 7638 section 3, RFC 9964: SHA-256 of the required members in order, base64url. Error bad_jwk.
result<std::string> thumbprint(const wire::json::object& jwk);

}  // namespace berth::jose

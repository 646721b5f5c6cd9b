// The key schedule (profile 1, sections 5 and 6). Each stage is a type that is consumed by the next, so that
// an input can be neither forgotten nor mixed in twice:
//
//     early_stage --X25519MLKEM768 secret--> handshake_stage --SSs--> authenticated_stage --SSc or 0-->
//     master_stage
//                                                            \---------------PDK: SSc or 0-----------------^
#pragma once

#include "authkem/proof.h"
#include "authkem/protocol.h"
#include "base/secret.h"
#include "crypto/hash.h"

#include <functional>

namespace berth::authkem {

// Is told every secret by the name that the profile gives it ("HS", "c_hs", "SSs"): for tests and debugging
// only. Null in production.
using secret_log = std::function<void(std::string_view name, bytes_view secret)>;

// The pair of traffic secrets of one phase.
struct traffic_secrets {
    secret_bytes client;
    secret_bytes server;
};

class master_stage;

// AHS = Extract(D(HS), SSs), after the full handshake's server authentication.
class authenticated_stage {
public:
    // "c ahs traffic", "s ahs traffic"; `so_far` = Hash(CH..client KEMEncapsulation).
    [[nodiscard]] traffic_secrets secrets(const crypto::digest& so_far) const;

    // MS = Extract(D(AHS), SSc or 0). An empty `client_authentication` stands for 0.
    [[nodiscard]] master_stage master(const secret_bytes& client_authentication) &&;

private:
    friend class handshake_stage;
    authenticated_stage(crypto::hash_algorithm hash, secret_bytes secret, const secret_log* log)
        : hash_(hash), secret_(std::move(secret)), log_(log) {}
    crypto::hash_algorithm hash_;
    secret_bytes secret_;
    const secret_log* log_;
};

// HS = Extract(D(ES), X25519MLKEM768 shared secret).
class handshake_stage {
public:
    // "c hs traffic", "s hs traffic"; `so_far` = Hash(CH..SH).
    [[nodiscard]] traffic_secrets secrets(const crypto::digest& so_far) const;

    // Full handshake: AHS = Extract(D(HS), SSs).
    [[nodiscard]] authenticated_stage authenticated(const secret_bytes& server_authentication) &&;

    // PDK: MS = Extract(D(HS), SSc or 0). An empty `client_authentication` stands for 0.
    [[nodiscard]] master_stage master(const secret_bytes& client_authentication) &&;

    [[nodiscard]] crypto::hash_algorithm hash() const { return hash_; }

private:
    friend class early_stage;
    handshake_stage(crypto::hash_algorithm hash, secret_bytes secret, const secret_log* log)
        : hash_(hash), secret_(std::move(secret)), log_(log) {}
    crypto::hash_algorithm hash_;
    secret_bytes secret_;
    const secret_log* log_;
};

// ES = Extract(0, SSs) in the PDK handshake, Extract(0, 0) in the full one.
class early_stage {
public:
    early_stage(crypto::hash_algorithm hash, const secret_log* log);
    early_stage(crypto::hash_algorithm hash, const secret_bytes& server_authentication, const secret_log* log);

    // "c e hs traffic"; `hello` = Hash(CH).
    [[nodiscard]] secret_bytes client_early(const crypto::digest& hello) const;

    [[nodiscard]] handshake_stage handshake(const secret_bytes& x25519mlkem768) &&;

private:
    crypto::hash_algorithm hash_;
    secret_bytes secret_;  // empty: Extract(0, 0), whose derivative is known beforehand
    const secret_log* log_;
};

// MS: what the Finished messages, the application keys and the exporter come from.
class master_stage {
public:
    // verify_data = HMAC(finished key of that side, so_far).
    [[nodiscard]] crypto::digest verify_data(role side, const crypto::digest& so_far) const;

    // Compares the peer's verify_data with the one demanded, in constant time. Error `finished_mismatch`
    // (decrypt_error).
    [[nodiscard]] result<finished_verified> verify(role peer, const crypto::digest& so_far, bytes_view received) const;

    // "c ap traffic" or "s ap traffic".
    [[nodiscard]] secret_bytes application(role side, const crypto::digest& so_far) const;

    // "exp master".
    [[nodiscard]] secret_bytes exporter_master(const crypto::digest& so_far) const;

    [[nodiscard]] crypto::hash_algorithm hash() const { return hash_; }

private:
    friend class handshake_stage;
    friend class authenticated_stage;
    master_stage(crypto::hash_algorithm hash, secret_bytes secret, const secret_log* log)
        : hash_(hash), secret_(std::move(secret)), log_(log) {}
    crypto::hash_algorithm hash_;
    secret_bytes secret_;
    const secret_log* log_;
};

// RFC 8446 7.2: application_traffic_secret_N+1 = HKDF-Expand-Label(application_traffic_secret_N, "traffic
// upd", "", Hash.length).
secret_bytes next_application_secret(crypto::hash_algorithm hash, const secret_bytes& current);

// RFC 8446 7.5. `length` is at most 255 * Hash.length. Error `too_large`.
result<secret_bytes> export_keying_material(crypto::hash_algorithm hash, const secret_bytes& exporter_master,
                                            std::string_view label, bytes_view context, size_t length);

// RFC 8446 7.3: [sender]_write_key and [sender]_write_iv.
struct traffic_keys {
    secret_bytes key;
    secret_bytes iv;
};
traffic_keys keys_from(cipher_suite suite, const secret_bytes& traffic_secret);

}  // namespace berth::authkem

// TLS 1.3 as configured for this product. The handshake is libssl's; certificates are judged by pki, as everywhere.
#pragma once

#include "authkem/peer.h"
#include "base/clock.h"
#include "keystore/key.h"

namespace berth::net {

// A certificate chain, leaf first, and the leaf's signature key.
struct tls_credential {
    std::vector<pki::certificate> chain;
    keystore::signing_key_ptr key;
};

struct tls_server_config {
    // One, or several of different key types (ECDSA and ML-DSA); the client's offer decides.
    std::vector<tls_credential> credentials;
    enum class client_certificate : uint8_t { none, request, require };
    client_certificate clients = client_certificate::none;
    authkem::chain_rules client;
    // X25519MLKEM768 is preferred. true: nothing but post-quantum key agreement.
    bool post_quantum_only = false;
    // For old clients, by decision: ECDHE with AEAD only.
    bool allow_tls12 = false;
    std::vector<std::string> alpn;
};

struct tls_client_config {
    // Who may vouch for the server. Its policy is usually authkem::server_named(host).
    authkem::chain_rules server;
    std::optional<tls_credential> own;
    // Sent as server_name; empty: none.
    std::string server_name;
    bool post_quantum_only = false;
    bool allow_tls12 = false;
    std::vector<std::string> alpn;
};

// Immutable, made once, shared by connections on any thread.
class tls_context {
public:
    // Errors (usage): `no_credential`, `credential_key_mismatch`, `no_trust_store`, `bad_alpn`; `tls_unavailable` (libssl
    // refuses the configuration, and says why).
    static result<std::shared_ptr<const tls_context>> make(tls_server_config config, const clock& time);
    static result<std::shared_ptr<const tls_context>> make(tls_client_config config, const clock& time);
    ~tls_context();

    struct impl;  // tls_openssl.h
    [[nodiscard]] const impl& get() const { return *impl_; }
    explicit tls_context(std::unique_ptr<impl> i);

private:
    std::unique_ptr<impl> impl_;
};

}  // namespace berth::net

// Internal to net: libssl's side of tls.h.
#pragma once

#include "crypto/crypto_openssl.h"
#include "net/peer_info.h"
#include "net/tls.h"

#include <openssl/ssl.h>

namespace berth::net {

struct tls_context::impl {
    crypto::openssl_ptr<SSL_CTX, SSL_CTX_free> context;
    authkem::chain_rules rules;
    const clock& time;
    bool server = false;
    std::string server_name;
    std::vector<uint8_t> alpn;  // as on the wire
};

// What judging the peer's chain in a handshake left behind; to be attached to the SSL before it begins, and to outlive it.
struct tls_judgement {
    const tls_context::impl* context = nullptr;
    std::optional<error> refusal;
    std::optional<pki::verified_chain> verified;
    std::vector<pki::certificate> unverified;
};

// A new SSL of this context with `judgement` attached. Null: out of memory.
SSL* new_tls(const tls_context::impl& context, tls_judgement& judgement);
// Fills in everything but the address and the exporter.
void describe(SSL* ssl, const tls_judgement& judgement, peer_info& into);
result<secret_bytes> tls_exporter(SSL* ssl, std::string_view label, bytes_view context, size_t length);
result<secret_bytes> tls_unique(SSL* ssl, bool server);

}  // namespace berth::net

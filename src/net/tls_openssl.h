// Internal to net: libssl's side of tls.h.
#pragma once

#include "crypto/crypto_openssl.h"
#include "net/peer_info.h"
#include "net/tls.h"

#include <openssl/ssl.h>

#include <mutex>

namespace berth::net {

// Certificates of CAs as peers send them beside their own: the same few again and again, and reading one costs as much as a
// signature. What they say is all that is kept, and nothing of whether they are good. From any thread.
class read_issuers {
public:
    result<pki::certificate> read(const X509* sent);

private:
    // Whoever sends others makes the rest be read anew, no more.
    static constexpr size_t most = 32;
    static constexpr size_t most_octets = 16 * 1024;
    std::mutex guard_;
    std::vector<pki::certificate> known_;
    size_t next_ = 0;  // to be forgotten
};

struct tls_context::impl {
    crypto::openssl_ptr<SSL_CTX, SSL_CTX_free> context;
    authkem::chain_rules rules;
    const clock& time;
    bool server = false;
    std::string server_name;
    std::vector<uint8_t> alpn;  // as on the wire
    std::unique_ptr<read_issuers> issuers = std::make_unique<read_issuers>();
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

// libssl's TLS 1.3, mutual, X25519MLKEM768, ECDSA P-256 leaves directly under their root, both ends in one thread over memory, no
// tickets. The client's key is where it is; libssl reaches it through Berth's provider.
#include "crypto/crypto_openssl.h"
#include "keystore/key_uri.h"
#include "keystore/places.h"
#include "pki/pki_openssl.h"
#include "support/test_pki.h"

#include <openssl/ssl.h>

namespace berth::keystore::bench {

namespace {

template <auto Free>
struct deleter {
    template <class T>
    void operator()(T* p) const {
        Free(p);
    }
};
using ctx_ptr = std::unique_ptr<SSL_CTX, deleter<SSL_CTX_free>>;
using ssl_ptr = std::unique_ptr<SSL, deleter<SSL_free>>;
using x509_ptr = std::unique_ptr<X509, deleter<X509_free>>;

constexpr auto algorithm = crypto::signature_algorithm::ecdsa_p256_sha256;

const test::authority& root() {
    static const test::authority one = test::make_root("bench", algorithm);
    return one;
}

x509_ptr x509(bytes_view der) {
    const uint8_t* at = der.data();
    return x509_ptr(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
}

ctx_ptr make_context(bool server, const crypto::signing_key& key) {
    const std::string name = server ? "server.example" : "client.example";
    pki::certificate_template t;
    t.subject.add("CN", name);
    t.not_before = test::test_now - test::day;
    t.not_after = test::test_now + test::day;
    t.key_usage = pki::digital_signature;
    t.extended_key_usages = {std::string(pki::oid_server_auth), std::string(pki::oid_client_auth)};
    t.alt_names.dns = {name};
    const x509_ptr leaf = x509(test::issue(root(), t, key.public_key().spki()).der());
    const x509_ptr anchor = x509(root().certificate.der());
    ctx_ptr c(SSL_CTX_new_ex(crypto::lib_context(), nullptr, server ? TLS_server_method() : TLS_client_method()));
    const bool fine = SSL_CTX_use_certificate(c.get(), leaf.get()) == 1 &&
                      SSL_CTX_use_PrivateKey(c.get(), pki::evp_of(key)) == 1 &&
                      X509_STORE_add_cert(SSL_CTX_get_cert_store(c.get()), anchor.get()) == 1 &&
                      SSL_CTX_set1_groups_list(c.get(), "X25519MLKEM768") == 1 &&
                      SSL_CTX_set_ciphersuites(c.get(), "TLS_AES_256_GCM_SHA384") == 1 &&
                      SSL_CTX_set_min_proto_version(c.get(), TLS1_3_VERSION) == 1 && SSL_CTX_set_num_tickets(c.get(), 0) == 1;
    if (!fine) {
        return nullptr;
    }
    SSL_CTX_set_mode(c.get(), SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_session_cache_mode(c.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(c.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(c.get()), test::test_now);
    return c;
}

ssl_ptr endpoint(SSL_CTX* context, BIO* reads, BIO* writes) {
    ssl_ptr s(SSL_new(context));
    BIO_up_ref(reads);
    BIO_up_ref(writes);
    SSL_set_bio(s.get(), reads, writes);
    return s;
}

bool handshake(SSL_CTX* client_context, SSL_CTX* server_context) {
    const crypto::bio_ptr up(BIO_new(BIO_s_mem()));
    const crypto::bio_ptr down(BIO_new(BIO_s_mem()));
    const ssl_ptr client = endpoint(client_context, down.get(), up.get());
    const ssl_ptr server = endpoint(server_context, up.get(), down.get());
    SSL_set1_host(client.get(), "server.example");
    int client_done = 0;
    int server_done = 0;
    for (int turn = 0; turn < 4 && (client_done != 1 || server_done != 1); ++turn) {
        client_done = SSL_connect(client.get());
        server_done = SSL_accept(server.get());
    }
    return client_done == 1 && server_done == 1;
}

maker client_with(key_names (*keys)()) {
    return [keys]() -> call {
        const auto key = open_signing_key(keys().signing);
        if (!key) {
            return [] { return false; };
        }
        const std::shared_ptr<SSL_CTX> client = make_context(false, (*key)->as_signing_key());
        const std::shared_ptr<SSL_CTX> server = make_context(true, test::signature_key("server", algorithm));
        return [key = *key, client, server] { return client && server && handshake(client.get(), server.get()); };
    };
}

}  // namespace

std::vector<comparison> handshakes() {
    return {{"tpm2", "TLS client (bare: key in a file)", client_with(in_tpm), client_with(in_files), true},
            {"stsafe", "TLS client (bare: key in a file)", client_with(in_element), client_with(in_files), true},
            {"pkcs11", "TLS client (bare: key in a file)", client_with(in_token), client_with(in_files), true}};
}

}  // namespace berth::keystore::bench
